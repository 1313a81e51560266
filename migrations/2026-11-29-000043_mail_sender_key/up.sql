-- A digest of the key that senders have now: whoever looks at a mail learns which pause holds it.
ALTER TABLE mail_pacing ADD COLUMN sender_key text;
