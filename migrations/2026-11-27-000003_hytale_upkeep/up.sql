-- What the upkeep of Hytale accounts looks for, and what it remembers.

-- Whether the account had so many sessions, when last counted, that its owner was
-- warned; told of anew only after it had fewer.
ALTER TABLE hytale_accounts ADD COLUMN near_session_limit boolean NOT NULL DEFAULT false;

CREATE INDEX hytale_accounts_unsettled ON hytale_accounts (environment, account_id)
    WHERE state = 'live' AND spend <> 'idle';
CREATE INDEX hytale_sessions_active ON hytale_sessions (environment, expires_at) WHERE state = 'active';
CREATE INDEX hytale_sessions_created ON hytale_sessions (environment, created_at) WHERE state = 'created';
CREATE INDEX hytale_sessions_lost ON hytale_sessions (environment, ended_at) WHERE lost;
CREATE INDEX hytale_device_flows_ended_at ON hytale_device_flows (ended_at) WHERE ended_at IS NOT NULL;

-- A statement trigger of the partitioned table does not guard its partitions.
CREATE TRIGGER hytale_audit_no_truncate BEFORE TRUNCATE ON hytale_audit_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
