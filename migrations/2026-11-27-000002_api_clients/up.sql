-- Who may call besides the holder of BACKEND_API_KEY, and the trail of what operators
-- change about it.

-- A client is the principal `client:<id>`: owner of accounts, holder of limits. It
-- outlives its keys and is never removed.
CREATE TABLE api_clients (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES api_clients (id),
    -- How the key begins: `nbk_` and 8 characters that are not secret.
    prefix text NOT NULL UNIQUE,
    -- SHA-256 of the key; the key itself is not kept.
    hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    -- Written at most once a minute.
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_client ON api_keys (client_id);

-- What was done to clients, keys and the like, and who did it. No foreign key: the
-- trail survives what it tells of. Rows are appended and nothing else; there are few,
-- and all are kept.
CREATE TABLE admin_audit (
    id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    event_type text NOT NULL CHECK (event_type ~ '^[A-Z_]+$'),
    -- `cli:<user>` at the command line, else a principal.
    actor text NOT NULL,
    -- Whom it is about, as a principal.
    subject text,
    ip text,
    user_agent text,
    request_id text,
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX admin_audit_created_at ON admin_audit (created_at DESC, id DESC);

CREATE TRIGGER admin_audit_append_only BEFORE UPDATE OR DELETE ON admin_audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER admin_audit_no_truncate BEFORE TRUNCATE ON admin_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
