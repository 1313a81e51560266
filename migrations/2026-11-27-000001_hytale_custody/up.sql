-- Hytale accounts in custody: their tokens, the logins that brought them, the game
-- sessions made with them, and the audit trail. Production and staging never share
-- a row: `environment` stands first in every key.

-- Tokens are envelopes (docs/ARCHITECTURE.md); nothing here can be read without
-- ENCRYPTION_KEY.
-- Numbers of stored tokens: one of its own for every token that ever was, so that a
-- late answer never takes a later token for the one that it spent.
CREATE SEQUENCE hytale_generations;

CREATE TABLE hytale_accounts (
    environment text NOT NULL CHECK (environment IN ('production', 'staging')),
    -- Hytale's own id, the `owner` that get-profiles proved; never a caller's word.
    account_id uuid NOT NULL,
    -- needs_login: the refresh token is dead and erased.
    state text NOT NULL CHECK (state IN ('live', 'needs_login')),
    profiles jsonb NOT NULL,
    selected_profile uuid,
    -- New with every token that is stored. Who spends a refresh token names the
    -- generation that it spent, and nothing but that one is ever replaced.
    generation bigint NOT NULL DEFAULT nextval('hytale_generations'),
    refresh_token text,
    refresh_expires_at timestamptz,
    access_token text,
    access_expires_at timestamptz,
    scope text NOT NULL,
    -- idle; sending: the intent is committed and a request may be under way; lost:
    -- a request was sent and no answer came, so the token may be spent.
    spend text NOT NULL DEFAULT 'idle' CHECK (spend IN ('idle', 'sending', 'lost')),
    spend_fence bigint NOT NULL DEFAULT 0,
    spend_holder uuid,
    spend_until timestamptz,
    -- Answers that did not come, of this generation.
    losses integer NOT NULL DEFAULT 0,
    -- Nobody spends before.
    retry_at timestamptz,
    -- Why a login is needed, for people.
    failure text,
    created_at timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (environment, account_id),
    CHECK ((state = 'live') = (refresh_token IS NOT NULL))
);
CREATE INDEX hytale_accounts_due ON hytale_accounts (environment, refresh_expires_at) WHERE state = 'live';

-- Who may use an account. `principal` is `service`, `client:<id>` or `user:<id>`.
CREATE TABLE hytale_account_owners (
    environment text NOT NULL,
    account_id uuid NOT NULL,
    principal text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (environment, account_id, principal),
    FOREIGN KEY (environment, account_id) REFERENCES hytale_accounts ON DELETE CASCADE
);
CREATE INDEX hytale_account_owners_principal ON hytale_account_owners (environment, principal);

-- What a caller calls an account of its own. Clients must name one before they can
-- know Hytale's id.
CREATE TABLE hytale_account_names (
    environment text NOT NULL,
    principal text NOT NULL,
    name text NOT NULL,
    account_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (environment, principal, name),
    FOREIGN KEY (environment, account_id, principal)
        REFERENCES hytale_account_owners (environment, account_id, principal) ON DELETE CASCADE
);

-- Logins that are under way, or ended lately.
CREATE TABLE hytale_device_flows (
    id uuid PRIMARY KEY,
    environment text NOT NULL CHECK (environment IN ('production', 'staging')),
    -- SHA-256 of the device code; the code itself is not kept.
    code_hash bytea NOT NULL UNIQUE,
    -- Who began it, and alone may poll it; null: nobody that we know.
    principal text,
    -- What the caller calls the account.
    account_name text,
    state text NOT NULL CHECK (state IN ('open', 'exchanged', 'succeeded', 'failed')),
    interval_seconds integer NOT NULL CHECK (interval_seconds > 0),
    -- Hytale is not asked before.
    next_poll_at timestamptz NOT NULL,
    -- A poll is under way until then, at most.
    polling_until timestamptz,
    first_polled_at timestamptz,
    expires_at timestamptz NOT NULL,
    -- What the login brought, until the account has it (exchanged) or the answer
    -- need not be repeated any more (succeeded).
    access_token text,
    refresh_token text,
    access_expires_at timestamptz,
    scope text,
    account_id uuid,
    failure text,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE INDEX hytale_device_flows_expires_at ON hytale_device_flows (expires_at);

CREATE TABLE hytale_sessions (
    id uuid PRIMARY KEY,
    environment text NOT NULL,
    account_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    -- One of our servers.
    server_id uuid REFERENCES servers (id) ON DELETE SET NULL,
    -- created: asked for, no answer yet; failed: refused, or the answer was lost;
    -- lapsed: it ran out.
    state text NOT NULL CHECK (state IN ('created', 'active', 'terminated', 'failed', 'lapsed')),
    -- Whether Hytale may hold a session although no answer came.
    lost boolean NOT NULL DEFAULT false,
    principal text NOT NULL,
    idempotency_key text,
    session_token text,
    identity_token text,
    -- Grows with every pair of tokens.
    generation bigint NOT NULL DEFAULT 0,
    -- Somebody asks Hytale for a new pair until then, at most.
    claimed_until timestamptz,
    expires_at timestamptz,
    ip text,
    user_agent text,
    created_at timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz,
    ended_at timestamptz,
    FOREIGN KEY (environment, account_id) REFERENCES hytale_accounts ON DELETE CASCADE,
    CHECK (state <> 'active' OR (session_token IS NOT NULL AND identity_token IS NOT NULL AND expires_at IS NOT NULL))
);
CREATE UNIQUE INDEX hytale_sessions_idempotency
    ON hytale_sessions (environment, account_id, principal, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX hytale_sessions_account ON hytale_sessions (environment, account_id, state, expires_at);

-- What happened to tokens and sessions, and who did it. No foreign key: the trail
-- survives what it tells of. Rows are appended and nothing else; old months are
-- dropped as partitions.
CREATE TABLE hytale_audit (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    environment text NOT NULL CHECK (environment IN ('production', 'staging')),
    event_type text NOT NULL CHECK (event_type IN (
        'TOKEN_CREATED', 'TOKEN_REFRESHED', 'TOKEN_DELETED', 'AUTH_FAILED',
        'SESSION_CREATED', 'SESSION_REFRESHED', 'SESSION_DELETED', 'PROFILE_SELECTED')),
    account_id uuid,
    profile_id uuid,
    session_id uuid,
    principal text,
    ip text,
    user_agent text,
    request_id text,
    details jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (created_at, id)
) PARTITION BY RANGE (created_at);
-- A missing month fails no change.
CREATE TABLE hytale_audit_default PARTITION OF hytale_audit DEFAULT;
CREATE INDEX hytale_audit_account ON hytale_audit (account_id, created_at DESC, id DESC);
CREATE INDEX hytale_audit_event_type ON hytale_audit (event_type, created_at DESC, id DESC);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER hytale_audit_append_only BEFORE UPDATE OR DELETE ON hytale_audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hytale_audit_no_truncate BEFORE TRUNCATE ON hytale_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
