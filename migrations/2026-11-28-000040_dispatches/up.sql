-- An event that a caller had told with an idempotency key, which must not come with another.
CREATE TABLE dispatches (
    principal text NOT NULL,
    idempotency_key text NOT NULL,
    event_id uuid NOT NULL,
    -- SHA-256 of what was asked for.
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, idempotency_key)
);
CREATE INDEX dispatches_created_at ON dispatches (created_at);
