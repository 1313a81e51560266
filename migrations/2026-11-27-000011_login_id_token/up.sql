-- A login's id_token is proved when the login is finished, which may be long after it came:
-- it is kept, sealed, with the moment at which it came.
ALTER TABLE hytale_device_flows
    ADD COLUMN id_token text,
    ADD COLUMN exchanged_at timestamptz,
    ADD CONSTRAINT hytale_device_flows_id_token CHECK (id_token IS NULL OR state = 'exchanged');
