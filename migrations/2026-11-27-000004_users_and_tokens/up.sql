-- What users may do, the tokens that stand for them, and the keys that sign tokens.

ALTER TABLE users
    ADD COLUMN username text,
    ADD COLUMN roles text[] NOT NULL DEFAULT '{}',
    -- Tokens made before, or in the same second, are refused.
    ADD COLUMN tokens_valid_from timestamptz;

-- Every token of our own that was made. One that is not here is refused.
CREATE TABLE access_tokens (
    -- `jti`.
    id uuid PRIMARY KEY,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX access_tokens_user ON access_tokens (user_id, issued_at DESC);
CREATE INDEX access_tokens_expires_at ON access_tokens (expires_at);

CREATE TABLE signing_keys (
    id text PRIMARY KEY,
    -- The point, compressed (RFC 8032).
    public bytea NOT NULL CHECK (octet_length(public) = 32),
    -- An envelope.
    secret text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Signs nothing from then on.
    retired_at timestamptz,
    -- Verifies until then; when it was retired, the last token's end.
    published_until timestamptz,
    CHECK ((retired_at IS NULL) = (published_until IS NULL))
);
CREATE UNIQUE INDEX signing_keys_active ON signing_keys ((true)) WHERE retired_at IS NULL;

-- Grows in the transaction of every change that takes something from a credential.
-- Gateways watch it: what they have found out about credentials holds while it stands
-- still. One row, so that changes wait for each other and none is passed over.
CREATE TABLE credential_epoch (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint NOT NULL DEFAULT 0
);
INSERT INTO credential_epoch DEFAULT VALUES;

CREATE FUNCTION advance_credential_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE credential_epoch SET epoch = epoch + 1;
    RETURN NULL;
END $$;
-- For each row, so that a statement that changes nothing tells of nothing; what had ended
-- by itself takes nothing from anybody when it goes.
CREATE TRIGGER users_credentials AFTER DELETE OR UPDATE OF id, roles, is_active, tokens_valid_from ON users
    FOR EACH ROW EXECUTE FUNCTION advance_credential_epoch();
CREATE TRIGGER access_tokens_credentials AFTER UPDATE ON access_tokens
    FOR EACH ROW EXECUTE FUNCTION advance_credential_epoch();
CREATE TRIGGER access_tokens_gone AFTER DELETE ON access_tokens
    FOR EACH ROW WHEN (OLD.expires_at > now()) EXECUTE FUNCTION advance_credential_epoch();
CREATE TRIGGER signing_keys_credentials AFTER UPDATE ON signing_keys
    FOR EACH ROW EXECUTE FUNCTION advance_credential_epoch();
CREATE TRIGGER signing_keys_gone AFTER DELETE ON signing_keys
    FOR EACH ROW WHEN (OLD.published_until IS NULL OR OLD.published_until > now())
    EXECUTE FUNCTION advance_credential_epoch();
CREATE TRIGGER api_keys_credentials AFTER DELETE OR UPDATE OF hash, client_id, scopes, expires_at, revoked_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION advance_credential_epoch();
CREATE TRIGGER users_truncated AFTER TRUNCATE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION advance_credential_epoch();
CREATE TRIGGER access_tokens_truncated AFTER TRUNCATE ON access_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION advance_credential_epoch();
CREATE TRIGGER signing_keys_truncated AFTER TRUNCATE ON signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION advance_credential_epoch();
CREATE TRIGGER api_keys_truncated AFTER TRUNCATE ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION advance_credential_epoch();
