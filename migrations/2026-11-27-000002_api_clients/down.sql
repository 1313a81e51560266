DROP TABLE admin_audit;
DROP TABLE api_keys, api_clients;
