UPDATE mail_pacing SET paused_until = p.until, paused_because = p.because, paused_with = NULLIF(p.key, '')
FROM (SELECT * FROM mail_pauses WHERE until > now() ORDER BY key <> '', until DESC LIMIT 1) p;
DROP TABLE mail_pauses;
COMMENT ON COLUMN mail_pacing.paused_until IS NULL;
COMMENT ON COLUMN mail_pacing.paused_because IS NULL;
COMMENT ON COLUMN mail_pacing.paused_with IS NULL;
