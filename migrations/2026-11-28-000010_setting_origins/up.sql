-- Scheme, host and port that a secret was given for; it goes nowhere else. Not known of
-- those stored before: they go where they went, until that address changes.
ALTER TABLE config ADD COLUMN origin text;

-- The website wrote another key than the scheduler read. Now there is one, in seconds.
UPDATE config SET key = 'auto_sync_interval'
WHERE key = 'sync_interval' AND value ~ '^[0-9]{2,8}$' AND value::bigint BETWEEN 60 AND 31536000
  AND NOT EXISTS (SELECT FROM config WHERE key = 'auto_sync_interval');
DELETE FROM config WHERE key = 'sync_interval';
