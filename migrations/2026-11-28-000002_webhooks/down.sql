DROP TABLE delivery_lanes;
DROP SEQUENCE delivery_fences;
DROP TABLE delivery_attempts;
DROP TABLE deliveries;
DROP TABLE delivery_events;
DROP TABLE provider_pauses;
DROP TABLE webhook_health;
DROP TABLE webhooks;
