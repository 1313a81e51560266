ALTER TABLE mail_pacing ADD COLUMN paused_until timestamptz, ADD COLUMN paused_because text, ADD COLUMN paused_with text;
UPDATE mail_pacing SET paused_until = p.until, paused_because = p.because, paused_with = NULLIF(p.key, '')
FROM (SELECT * FROM mail_pauses ORDER BY key <> '', until DESC LIMIT 1) p;
DROP TABLE mail_pauses;
