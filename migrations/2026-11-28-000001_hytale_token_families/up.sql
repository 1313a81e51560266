-- The tokens that one login brought, and those that were had for them since. To revoke one of
-- them is to revoke all.
ALTER TABLE hytale_accounts ADD COLUMN family uuid NOT NULL DEFAULT gen_random_uuid();
