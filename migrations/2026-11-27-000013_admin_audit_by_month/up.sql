-- The trail of administration is partitioned as that of Hytale accounts is. What stands in
-- it stays: it lies in the default partition until the scheduler has made its months.
ALTER TABLE admin_audit RENAME TO admin_audit_whole;
ALTER TABLE admin_audit_whole RENAME CONSTRAINT admin_audit_pkey TO admin_audit_whole_pkey;
CREATE TABLE admin_audit (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    event_type text NOT NULL CHECK (event_type ~ '^[A-Z_]+$'),
    -- `cli:<user>` at the command line, else a principal.
    actor text NOT NULL,
    -- Whom it is about, as a principal.
    subject text,
    ip text,
    user_agent text,
    request_id text,
    details jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (created_at, id)
) PARTITION BY RANGE (created_at);
-- A missing month fails no change.
CREATE TABLE admin_audit_default PARTITION OF admin_audit DEFAULT;
INSERT INTO admin_audit SELECT * FROM admin_audit_whole;
DROP TABLE admin_audit_whole;

CREATE TRIGGER admin_audit_append_only BEFORE UPDATE OR DELETE ON admin_audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER admin_audit_no_truncate BEFORE TRUNCATE ON admin_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- A statement trigger of the partitioned table does not guard its partitions.
CREATE TRIGGER admin_audit_no_truncate BEFORE TRUNCATE ON admin_audit_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
