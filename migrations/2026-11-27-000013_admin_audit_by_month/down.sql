ALTER TABLE admin_audit RENAME TO admin_audit_by_month;
ALTER TABLE admin_audit_by_month RENAME CONSTRAINT admin_audit_pkey TO admin_audit_by_month_pkey;
CREATE TABLE admin_audit (
    id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    event_type text NOT NULL CHECK (event_type ~ '^[A-Z_]+$'),
    -- `cli:<user>` at the command line, else a principal.
    actor text NOT NULL,
    -- Whom it is about, as a principal.
    subject text,
    ip text,
    user_agent text,
    request_id text,
    details jsonb NOT NULL DEFAULT '{}'
);
INSERT INTO admin_audit SELECT * FROM admin_audit_by_month;
DROP TABLE admin_audit_by_month;
CREATE INDEX admin_audit_created_at ON admin_audit (created_at DESC, id DESC);
CREATE TRIGGER admin_audit_append_only BEFORE UPDATE OR DELETE ON admin_audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER admin_audit_no_truncate BEFORE TRUNCATE ON admin_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
