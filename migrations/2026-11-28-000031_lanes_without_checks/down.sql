DELETE FROM delivery_lanes l WHERE NOT EXISTS (SELECT FROM webhooks w WHERE w.id = l.webhook_id);
DELETE FROM webhook_health h WHERE NOT EXISTS (SELECT FROM webhooks w WHERE w.id = h.webhook_id);
ALTER TABLE delivery_lanes
    ADD FOREIGN KEY (webhook_id) REFERENCES webhooks ON DELETE CASCADE;
ALTER TABLE webhook_health
    ADD FOREIGN KEY (webhook_id) REFERENCES webhooks ON DELETE CASCADE;
