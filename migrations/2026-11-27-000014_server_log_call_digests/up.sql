-- SHA-256 of what a call brought: its idempotency key must not come with another. Null:
-- it was made before this column; such a key is as good as ever, for a day.
ALTER TABLE hytale_server_log_calls ADD COLUMN digest bytea CHECK (octet_length(digest) = 32);
