-- Nothing leaves with a key before the time: its quota is used up, it is not good, or Resend takes
-- nothing from here. Every key has its own, so that what one of several has used up is no other's.
CREATE TABLE mail_pauses (
    -- A digest of the key; empty: whatever the key.
    key text PRIMARY KEY,
    because text NOT NULL,
    until timestamptz NOT NULL,
    -- When a mail met it last. What was sent since was sent with another key.
    met_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO mail_pauses (key, because, until)
SELECT COALESCE(paused_with, ''), paused_because, paused_until FROM mail_pacing
WHERE paused_until > now() AND paused_because IS NOT NULL;
-- For a later release to drop: the notifiers before this one still use them.
COMMENT ON COLUMN mail_pacing.paused_until IS 'Unused: see mail_pauses.';
COMMENT ON COLUMN mail_pacing.paused_because IS 'Unused: see mail_pauses.';
COMMENT ON COLUMN mail_pacing.paused_with IS 'Unused: see mail_pauses.';
