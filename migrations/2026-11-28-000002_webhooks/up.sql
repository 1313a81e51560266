-- Who is told what: webhooks, what is on its way to them, and how that goes.

CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    kind text NOT NULL CHECK (kind IN ('discord', 'signed')),
    about text NOT NULL CHECK (about IN
        ('GAME_SERVER', 'VPS', 'SYSTEM', 'BILLING', 'SECURITY', 'SUPPORT', 'CUSTOM')),
    scope text NOT NULL CHECK (scope IN ('ADMIN', 'USER', 'PUBLIC')),
    description text NOT NULL DEFAULT '',
    enabled boolean NOT NULL DEFAULT true,
    -- Sealed: Discord's addresses are credentials, and others may hold some.
    address text NOT NULL,
    -- What people are shown of it.
    address_shown text NOT NULL,
    -- Of Discord: limits are shared by all webhooks of a channel.
    channel_id text,
    -- Sealed; of signed webhooks only. The previous secret signs too until its time is over.
    secret text,
    previous_secret text,
    previous_secret_until timestamptz,
    -- Patterns of event types; none: every type.
    events text[] NOT NULL DEFAULT '{}',
    -- What the event's fields must be; see `common::subscription`.
    conditions jsonb NOT NULL DEFAULT '[]',
    -- Raised with every change: whoever remembers an opened address sees that it is old.
    revision bigint NOT NULL DEFAULT 1,
    test_success_at timestamptz,
    -- Why we, and not an admin, disabled it.
    disabled_because text,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'signed') = (secret IS NOT NULL))
);

-- How a webhook as a whole is doing. Apart, since it changes with the traffic.
CREATE TABLE webhook_health (
    webhook_id uuid PRIMARY KEY REFERENCES webhooks ON DELETE CASCADE,
    -- When it last took something, to a tenth of a second.
    last_success_at timestamptz,
    -- Since when it has taken nothing that was tried.
    failing_since timestamptz,
    -- When it last took nothing: a quiet webhook does not fail on and on.
    last_failure_at timestamptz,
    -- The circuit is open: nothing is sent but one probe at a time, the next one then.
    probe_at timestamptz,
    -- Probes that failed since it opened.
    probes integer NOT NULL DEFAULT 0,
    -- Nothing is sent before: it asked for a pause.
    paused_until timestamptz,
    -- Of one that takes one thing at a time: somebody is sending to it, until then at most.
    busy_until timestamptz,
    -- Highest share of the time until it is disabled (in per cent) that was told of.
    alerted integer NOT NULL DEFAULT 0
);

-- Nothing is sent to anybody at a provider before then: it blocks us as a whole.
CREATE TABLE provider_pauses (
    kind text PRIMARY KEY,
    until timestamptz NOT NULL
);

-- An event that somebody is told of, once, however many are told.
CREATE TABLE delivery_events (
    id uuid PRIMARY KEY,
    event_type text NOT NULL,
    subject text NOT NULL,
    -- The CloudEvent as it is sent and signed, byte for byte.
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- The end of a sync is told in the message that told of its beginning.
CREATE INDEX delivery_events_started ON delivery_events (subject) WHERE event_type = 'sync.started';
CREATE INDEX delivery_events_created_at ON delivery_events (created_at);

-- An event on its way to a webhook.
CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    -- The order in which events were matched, which is the outbox's.
    seq bigint GENERATED ALWAYS AS IDENTITY,
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event_id uuid NOT NULL REFERENCES delivery_events,
    -- What must go out in order among itself; see `delivery_lanes`.
    lane text NOT NULL,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'delivered', 'dead', 'dropped')),
    -- Attempts in all, and those that failed and count against the schedule.
    attempts integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    last_attempt_at timestamptz,
    -- Not tried before.
    due_at timestamptz NOT NULL DEFAULT now(),
    -- It was set aside, for others of its key to proceed.
    parked_at timestamptz,
    -- Why it is dead or was dropped.
    reason text,
    -- Discord's id of the message that tells of it.
    message_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    UNIQUE (webhook_id, event_id)
);
CREATE INDEX deliveries_waiting ON deliveries (webhook_id, lane, seq) WHERE state = 'pending';
CREATE INDEX deliveries_finished ON deliveries (finished_at) WHERE state IN ('delivered', 'dropped');
CREATE INDEX deliveries_event ON deliveries (event_id);

-- One request, or what is known of it.
CREATE TABLE delivery_attempts (
    delivery_id uuid NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    number integer NOT NULL,
    -- `sending` is written before the request leaves. `unknown`: it left, and what became of
    -- it did not reach us.
    outcome text NOT NULL DEFAULT 'sending'
        CHECK (outcome IN ('sending', 'delivered', 'failed', 'unknown', 'limited')),
    -- Whether it counts against the schedule.
    counted boolean NOT NULL DEFAULT false,
    status integer,
    -- Of the answer; cut and without secrets.
    answer text,
    started_at timestamptz NOT NULL DEFAULT now(),
    milliseconds integer,
    PRIMARY KEY (delivery_id, number)
);

-- What waits, by webhook and lane. A lane is held by one sender at a time, so that what is
-- in it keeps its order; its row goes when nothing waits in it any more.
CREATE TABLE delivery_lanes (
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    lane text NOT NULL,
    due_at timestamptz NOT NULL,
    holder uuid,
    held_until timestamptz,
    -- What proves who holds it: another with each claim.
    fence bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (webhook_id, lane)
);
-- Of all lanes: one that went and came again has no claim like one of before.
CREATE SEQUENCE delivery_fences;
CREATE INDEX delivery_lanes_due ON delivery_lanes (webhook_id, due_at) WHERE holder IS NULL;
CREATE INDEX delivery_lanes_held ON delivery_lanes (held_until) WHERE holder IS NOT NULL;
