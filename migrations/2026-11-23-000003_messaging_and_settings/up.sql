-- What transactions want said, and what has been heard.

CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL,
    route text NOT NULL CHECK (route IN ('command', 'event')),
    -- The queue of a command, the type of an event.
    key text NOT NULL,
    -- Messages of one subject are published in order.
    subject text NOT NULL,
    body jsonb NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_at IS NULL;

-- A handled message; committed with its effect.
CREATE TABLE inbox (
    consumer text NOT NULL,
    message_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_received_at ON inbox (received_at);

-- Work that one process at a time may do.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder uuid NOT NULL,
    fence bigint NOT NULL,
    until timestamptz NOT NULL
);

-- Settings that override the environment. `format` says how `value` is kept:
-- plain, envelope (ours) or legacy_gcm (the earlier implementation's).
CREATE TABLE config (
    key text PRIMARY KEY,
    value text NOT NULL,
    format text NOT NULL CHECK (format IN ('plain', 'envelope', 'legacy_gcm')),
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Keys that seal secrets, wrapped by ENCRYPTION_KEY.
CREATE TABLE data_keys (
    kid text PRIMARY KEY,
    wrapped text NOT NULL,
    active boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX data_keys_one_active ON data_keys (active) WHERE active;
