-- Whoever changes a row twice in one transaction has its reference checked by a lock on the
-- webhook's row: senders did, behind the lanes that they hold, and waited for those who hold
-- the webhook and wait for lanes. Lanes are added only under a lock on the webhook, and both go
-- with it by a statement of their own.
ALTER TABLE delivery_lanes DROP CONSTRAINT delivery_lanes_webhook_id_fkey;
ALTER TABLE webhook_health DROP CONSTRAINT webhook_health_webhook_id_fkey;
