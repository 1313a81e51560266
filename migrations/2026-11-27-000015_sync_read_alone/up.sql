-- Rows that the last task of a run read by themselves. It may begin anew: each counts once.
CREATE TABLE sync_read_alone (
    run_id uuid NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    kind text NOT NULL,
    remote_id bigint NOT NULL,
    failed boolean NOT NULL,
    -- Of the task that read it last.
    fence bigint NOT NULL,
    PRIMARY KEY (run_id, kind, remote_id)
);
