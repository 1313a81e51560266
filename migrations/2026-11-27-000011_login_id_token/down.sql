ALTER TABLE hytale_device_flows
    DROP CONSTRAINT hytale_device_flows_id_token,
    DROP COLUMN exchanged_at,
    DROP COLUMN id_token;
