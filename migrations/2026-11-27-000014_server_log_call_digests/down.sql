ALTER TABLE hytale_server_log_calls DROP COLUMN digest;
