-- A task that could not get on for a while lets the others go first: it is not
-- claimed before this time, and then behind those that never stepped back.
ALTER TABLE sync_tasks ADD COLUMN not_before timestamptz;
