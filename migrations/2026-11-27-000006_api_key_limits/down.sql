ALTER TABLE api_keys
    DROP CONSTRAINT api_keys_limits,
    DROP COLUMN all_servers,
    DROP COLUMN server_ids,
    DROP COLUMN node_ids;
