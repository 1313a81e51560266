ALTER TABLE mails DROP COLUMN request_digest;
