DROP TRIGGER api_keys_credentials ON api_keys;
DROP TRIGGER api_keys_truncated ON api_keys;
DROP TRIGGER users_credentials ON users;
DROP TRIGGER users_truncated ON users;
DROP TABLE signing_keys, access_tokens, credential_epoch;
DROP FUNCTION advance_credential_epoch();
ALTER TABLE users DROP COLUMN username, DROP COLUMN roles, DROP COLUMN tokens_valid_from;
