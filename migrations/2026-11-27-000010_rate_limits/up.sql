-- Rate limits that differ from the configured ones for one client, user, account or
-- address. Few rows: gateways read all of them every few seconds.
CREATE TABLE rate_limits (
    -- As in `RateLimit-Policy`: `key`, `game-session` and so on.
    limit_name text NOT NULL,
    -- A principal, the id of a Hytale account, or a network.
    subject text NOT NULL,
    -- Requests in the limit's usual time.
    requests bigint NOT NULL CHECK (requests BETWEEN 1 AND 4294967295),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (limit_name, subject)
);
