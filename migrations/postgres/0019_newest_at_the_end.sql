-- What is new stands at the end of an index over the time, where a page that is full is split once and stays full. In descending
-- order it stood at the beginning, where each split left two halves. Either way an index is read from both ends. Where a text
-- leads, groups grow side by side, and pages are split in halves in both orders.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_logs'::regclass));
END $$;

DROP INDEX IF EXISTS control_plane.idx_audit_logs_created_at, control_plane.idx_audit_logs_actor_id,
    control_plane.idx_audit_logs_target_id;
CREATE INDEX idx_audit_logs_created_at ON control_plane.audit_logs (created_at);
CREATE INDEX idx_audit_logs_actor_id ON control_plane.audit_logs (created_at) WHERE actor_id IS NULL;
CREATE INDEX idx_audit_logs_target_id ON control_plane.audit_logs (created_at) WHERE target_id IS NULL;

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;
