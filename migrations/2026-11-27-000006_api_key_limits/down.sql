DROP TRIGGER api_keys_credentials ON api_keys;
CREATE TRIGGER api_keys_credentials AFTER DELETE OR UPDATE OF hash, client_id, scopes, expires_at, revoked_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION advance_credential_epoch();
ALTER TABLE api_keys
    DROP CONSTRAINT api_keys_limits,
    DROP COLUMN all_servers,
    DROP COLUMN server_ids,
    DROP COLUMN node_ids;
