-- Texts are compared by their bytes, whatever the database's collation: an entry costs its indexes less, a prefix is looked up in
-- them, and no update of the operating system's collations can put an index of the log out of order. The rows stay where they
-- are; the indexes over texts are built anew.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_logs'::regclass));
END $$;

ALTER TABLE control_plane.audit_logs
    ALTER COLUMN actor_type TYPE text COLLATE "C",
    ALTER COLUMN outcome TYPE text COLLATE "C",
    ALTER COLUMN actor_id TYPE text COLLATE "C",
    ALTER COLUMN action TYPE text COLLATE "C",
    ALTER COLUMN target_type TYPE text COLLATE "C",
    ALTER COLUMN target_id TYPE text COLLATE "C",
    ALTER COLUMN user_agent TYPE text COLLATE "C",
    ALTER COLUMN error TYPE text COLLATE "C",
    ALTER COLUMN request_id TYPE text COLLATE "C",
    ALTER COLUMN trace_id TYPE text COLLATE "C",
    ALTER COLUMN span_id TYPE text COLLATE "C",
    ALTER COLUMN tenant_id TYPE text COLLATE "C",
    ALTER COLUMN on_behalf_of TYPE text COLLATE "C",
    ALTER COLUMN origin TYPE text COLLATE "C";

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;
