DROP TABLE data_keys;
DROP TABLE config;
DROP TABLE leases;
DROP TABLE inbox;
DROP TABLE outbox;
