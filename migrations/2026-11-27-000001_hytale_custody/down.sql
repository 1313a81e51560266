DROP TABLE hytale_audit;
DROP FUNCTION refuse_change();
DROP TABLE hytale_sessions, hytale_device_flows, hytale_account_names, hytale_account_owners, hytale_accounts;
DROP SEQUENCE hytale_generations;
