-- Which servers a key with scope `logs` may write for: those named, and those that
-- stand on a node that is named, or all of them where that was asked for expressly.
-- Keys that are there already may write for none. No foreign keys: an id that has
-- gone grants nothing.
ALTER TABLE api_keys
    ADD COLUMN all_servers boolean NOT NULL DEFAULT false,
    ADD COLUMN server_ids uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN node_ids uuid[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT api_keys_limits CHECK (
        NOT all_servers OR (cardinality(server_ids) = 0 AND cardinality(node_ids) = 0));

-- Whoever narrows a key takes something from it.
DROP TRIGGER api_keys_credentials ON api_keys;
CREATE TRIGGER api_keys_credentials AFTER DELETE
    OR UPDATE OF hash, client_id, scopes, expires_at, revoked_at, all_servers, server_ids, node_ids ON api_keys
    FOR EACH ROW EXECUTE FUNCTION advance_credential_epoch();
