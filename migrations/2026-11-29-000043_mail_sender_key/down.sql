ALTER TABLE mail_pacing DROP COLUMN sender_key;
