ALTER TABLE deliveries DROP CONSTRAINT deliveries_finished_check;
