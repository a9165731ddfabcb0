-- Upkeep of indexes is most of what a row costs. The indexes by (actor_id, created_at) and (target_id, created_at) answer all
-- that those by actor_id and by target_id alone did; these lead now to the entries that have no actor, or no target's id.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_logs'::regclass));
END $$;

DROP INDEX control_plane.idx_audit_logs_actor_id;
DROP INDEX control_plane.idx_audit_logs_target_id;
CREATE INDEX idx_audit_logs_actor_id ON control_plane.audit_logs (created_at DESC) WHERE actor_id IS NULL;
CREATE INDEX idx_audit_logs_target_id ON control_plane.audit_logs (created_at DESC) WHERE target_id IS NULL;

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;
