-- "What was this actor denied?" had to look at each row of the actor, most of which tell of a success. The rows that do not are
-- few: they cost little here, and lead straight to the answer.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_logs'::regclass));
END $$;

CREATE INDEX idx_audit_logs_actor_unsuccessful ON control_plane.audit_logs (actor_id, created_at DESC) WHERE outcome <> 'success';

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;
