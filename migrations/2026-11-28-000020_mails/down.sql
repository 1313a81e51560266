DROP TABLE mail_suppressions;
DROP TABLE mail_pacing;
DROP TABLE mail_attempts;
DROP TABLE mails;
