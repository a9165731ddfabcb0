-- Migration 17 changed columns, and PostgreSQL forgets what it knew of the values of a changed column: an index over rare
-- values no longer looked better than a walk through a partition. Partitions that nothing is written into anymore would never
-- be looked at again by autovacuum.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_logs'::regclass));
END $$;

ANALYZE control_plane.audit_logs;

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;
