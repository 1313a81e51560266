-- What game servers say, line by line. No foreign key: checking ten thousand lines a
-- call costs more than storing them, and lines go with their month.
CREATE SEQUENCE hytale_server_logs_id;
CREATE TABLE hytale_server_logs (
    server_id uuid NOT NULL,
    -- When the server says that it said it, where that can be; else when it came.
    logged_at timestamptz NOT NULL,
    -- Grows with the place in a call; unique.
    id bigint NOT NULL DEFAULT nextval('hytale_server_logs_id'),
    line text NOT NULL,
    -- The one index: pages are read backwards in it.
    PRIMARY KEY (server_id, logged_at, id)
) PARTITION BY RANGE (logged_at);
ALTER SEQUENCE hytale_server_logs_id OWNED BY hytale_server_logs.id;
-- A missing month loses no line.
CREATE TABLE hytale_server_logs_default PARTITION OF hytale_server_logs DEFAULT;

-- How many lines of a server lie in a month (by its first day, UTC): written with the
-- lines, so that nobody has to count them. Goes with the month's partition.
CREATE TABLE hytale_server_log_counts (
    server_id uuid NOT NULL,
    month date NOT NULL,
    lines bigint NOT NULL,
    PRIMARY KEY (server_id, month)
);

-- Calls that were made with an Idempotency-Key: one that is repeated within a day
-- stores nothing.
CREATE TABLE hytale_server_log_calls (
    server_id uuid NOT NULL,
    principal text NOT NULL,
    idempotency_key text NOT NULL,
    lines bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (server_id, principal, idempotency_key)
);
CREATE INDEX hytale_server_log_calls_created_at ON hytale_server_log_calls (created_at);
