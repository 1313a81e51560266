ALTER TABLE hytale_accounts DROP COLUMN family;
