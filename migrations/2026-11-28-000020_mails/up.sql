-- Mail: what is to be handed over, how that goes, and to whom nothing is sent any more.

CREATE TABLE mails (
    -- Resend knows the mail by it, too: within a day it sends but one for each.
    id uuid PRIMARY KEY,
    template text NOT NULL CHECK (template <> ''),
    -- In lower case.
    recipient text NOT NULL CHECK (recipient <> ''),
    subject text NOT NULL,
    -- The JSON that Resend gets, rendered once: a repetition must be the same to the byte.
    -- Sealed where it holds a one-time link, and then erased when the mail is over.
    body text,
    holds_link boolean NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'dead', 'suppressed')),
    -- Attempts in all, and those that failed and count against the schedule.
    attempts integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    -- Not tried before.
    due_at timestamptz NOT NULL DEFAULT now(),
    holder uuid,
    held_until timestamptz,
    -- Raised with each claim.
    fence bigint NOT NULL DEFAULT 0,
    -- The first attempt that Resend may have accepted; it forgets the mail's id a day later.
    first_attempt_at timestamptz,
    -- The end of the link in it.
    expires_at timestamptz,
    -- Resend's id.
    resend_id text,
    -- The principal that had it sent, and the key under which it may ask again.
    created_by text NOT NULL,
    idempotency_key text,
    -- Why it is dead or was suppressed.
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CHECK ((state = 'pending') = (finished_at IS NULL)),
    CHECK (CASE WHEN state = 'pending' THEN body IS NOT NULL ELSE NOT holds_link OR body IS NULL END)
);
-- Links first: somebody waits for them.
CREATE INDEX mails_due ON mails (holds_link DESC, due_at) WHERE state = 'pending' AND holder IS NULL;
CREATE INDEX mails_held ON mails (held_until) WHERE holder IS NOT NULL;
CREATE INDEX mails_finished ON mails (finished_at) WHERE state <> 'pending';
CREATE INDEX mails_recipient ON mails (recipient) WHERE state = 'pending';
CREATE UNIQUE INDEX mails_idempotency_key ON mails (created_by, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- One request, or what is known of it.
CREATE TABLE mail_attempts (
    mail_id uuid NOT NULL REFERENCES mails ON DELETE CASCADE,
    number integer NOT NULL,
    -- `sending` is written before the request leaves. `unknown`: it left, and what became of
    -- it did not reach us.
    outcome text NOT NULL DEFAULT 'sending'
        CHECK (outcome IN ('sending', 'sent', 'failed', 'unknown', 'limited')),
    -- Whether it counts against the schedule.
    counted boolean NOT NULL DEFAULT false,
    status integer,
    -- Of the answer; cut and without secrets.
    answer text,
    started_at timestamptz NOT NULL DEFAULT now(),
    milliseconds integer,
    PRIMARY KEY (mail_id, number)
);

-- How fast mail leaves, for all senders together: one row.
CREATE TABLE mail_pacing (
    sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
    -- The next request does not leave before.
    next_at timestamptz NOT NULL DEFAULT now(),
    -- Requests a second, as Resend's answers say.
    per_second integer CHECK (per_second > 0),
    -- Nothing leaves before: a quota is used up, or the key is not good.
    paused_until timestamptz,
    paused_because text,
    -- The key that it is about, by a digest; another key need not wait.
    paused_with text
);
INSERT INTO mail_pacing DEFAULT VALUES;

-- Addresses that bounced for good or complained.
CREATE TABLE mail_suppressions (
    id uuid PRIMARY KEY,
    -- In lower case.
    address text NOT NULL CHECK (address <> ''),
    -- What happened, as a word.
    reason text NOT NULL,
    -- What Resend called the event that told of it.
    event text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    lifted_at timestamptz
);
CREATE UNIQUE INDEX mail_suppressions_address ON mail_suppressions (address) WHERE lifted_at IS NULL;
