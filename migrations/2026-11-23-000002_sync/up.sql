-- Who works on what: runs, their tasks with leases and fences, and what the
-- tasks have learned. A run is what the HTTP API calls a sync log.

CREATE TABLE sync_runs (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    target text NOT NULL,
    kinds text[] NOT NULL,
    status text NOT NULL CHECK (status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    requested_by text NOT NULL,
    request_id text,
    -- The run whose held removals this one confirms.
    confirms_run_id uuid REFERENCES sync_runs (id) ON DELETE SET NULL,
    -- Grows with every write of this row: the event id of streams.
    revision bigint NOT NULL DEFAULT 0,
    step text NOT NULL DEFAULT 'starting',
    percentage integer NOT NULL DEFAULT 0 CHECK (percentage BETWEEN 0 AND 100),
    items_total bigint NOT NULL DEFAULT 0,
    items_synced bigint NOT NULL DEFAULT 0,
    items_failed bigint NOT NULL DEFAULT 0,
    requests bigint NOT NULL DEFAULT 0,
    last_message text NOT NULL DEFAULT '',
    failed_step text,
    error text,
    -- Removals held back, with the evidence.
    held jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    -- When a task last got further; waits that the panel ordered count as progress.
    progressed_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz
);
CREATE INDEX sync_runs_created_at ON sync_runs (created_at DESC, id DESC);
CREATE INDEX sync_runs_open ON sync_runs (panel_id) WHERE status IN ('PENDING', 'RUNNING');

CREATE TABLE sync_tasks (
    id uuid PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    kind text NOT NULL,
    -- A stage begins when the ones before it have ended.
    stage integer NOT NULL,
    ordinal integer NOT NULL,
    work jsonb NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'leased', 'done', 'failed', 'cancelled')),
    -- Grows with each lease and each cancel; a transaction with an old one writes nothing.
    fence bigint NOT NULL DEFAULT 0,
    worker_id uuid,
    lease_until timestamptz,
    lost_leases integer NOT NULL DEFAULT 0,
    checkpoint jsonb,
    items_total bigint NOT NULL DEFAULT 0,
    items_synced bigint NOT NULL DEFAULT 0,
    items_failed bigint NOT NULL DEFAULT 0,
    requests bigint NOT NULL DEFAULT 0,
    waits_for text,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz
);
CREATE INDEX sync_tasks_run ON sync_tasks (run_id, stage, ordinal);
CREATE INDEX sync_tasks_unfinished ON sync_tasks (state) WHERE state IN ('open', 'leased');

-- Ids that a run has seen, packed page by page (a row an id would cost thirty
-- times the WAL). Logged: after a crash an empty 'seen' would mean 'remove all'.
CREATE TABLE sync_seen (
    run_id uuid NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    kind text NOT NULL,
    -- The node of allocations, else 0.
    scope bigint NOT NULL,
    -- Position of the page's first row in the listing.
    position bigint NOT NULL,
    remote_ids bigint[] NOT NULL,
    -- Rows that are there and could not be read.
    unidentified integer NOT NULL,
    poisoned integer NOT NULL,
    total bigint NOT NULL,
    total_constant boolean NOT NULL,
    PRIMARY KEY (run_id, kind, scope, position)
);
-- Not compressed: that takes longer than all else a page writes beside its rows.
ALTER TABLE sync_seen ALTER COLUMN remote_ids SET STORAGE EXTERNAL;

-- Rows that a whole answer did not list any more; judged when the run ends.
CREATE TABLE sync_missing (
    run_id uuid NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    resource text NOT NULL,
    row_id uuid NOT NULL,
    PRIMARY KEY (run_id, resource, row_id)
);

-- Known ids under which the panel shows another uuid.
CREATE TABLE sync_replaced (
    run_id uuid NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    resource text NOT NULL,
    row_id uuid NOT NULL,
    remote_id bigint NOT NULL,
    PRIMARY KEY (run_id, resource, row_id)
);

-- Removals that a run held back.
CREATE TABLE sync_held (
    run_id uuid NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    resource text NOT NULL,
    row_id uuid NOT NULL,
    PRIMARY KEY (run_id, resource, row_id)
);

-- Records that were skipped: what, why, where.
CREATE TABLE sync_errors (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    kind text NOT NULL,
    scope bigint NOT NULL,
    position bigint,
    remote_id bigint,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sync_errors_run ON sync_errors (run_id, id);

-- What happened in a run, in sentences.
CREATE TABLE sync_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    level text NOT NULL,
    message text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sync_logs_run ON sync_logs (run_id, id);

-- Processes that are alive, by their last word.
CREATE TABLE workers (
    id uuid PRIMARY KEY,
    service text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
