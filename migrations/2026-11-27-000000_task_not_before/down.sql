ALTER TABLE sync_tasks DROP COLUMN not_before;
