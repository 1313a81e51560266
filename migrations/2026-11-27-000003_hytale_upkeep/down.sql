DROP TRIGGER hytale_audit_no_truncate ON hytale_audit_default;
DROP INDEX hytale_device_flows_ended_at, hytale_sessions_lost, hytale_sessions_created, hytale_sessions_active,
    hytale_accounts_unsettled;
ALTER TABLE hytale_accounts DROP COLUMN near_session_limit;
