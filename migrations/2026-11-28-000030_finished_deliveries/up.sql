-- What waits has no end, and all else has one: outcomes are written where there is none yet.
ALTER TABLE deliveries
    ADD CONSTRAINT deliveries_finished_check CHECK ((state = 'pending') = (finished_at IS NULL));
