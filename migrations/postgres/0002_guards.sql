-- Evidence is append-only for everybody, the owner and superusers included, and also under
-- session_replication_role = replica, which skips ordinary triggers.

CREATE FUNCTION control_plane.audit_forbid() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'to correct an entry, record another one';
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_forbid() FROM PUBLIC;

-- Row triggers of a partitioned table are cloned to its partitions; TRUNCATE triggers are not, so
-- audit_ensure_partition makes one for each.
DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['audit_logs', 'audit_batches', 'audit_tree', 'audit_checkpoints', 'audit_dead_letters'] LOOP
        EXECUTE format('CREATE TRIGGER audit_forbid_change BEFORE UPDATE OR DELETE ON control_plane.%I
            FOR EACH ROW EXECUTE FUNCTION control_plane.audit_forbid()', guarded);
        EXECUTE format('CREATE TRIGGER audit_forbid_truncate BEFORE TRUNCATE ON control_plane.%I
            FOR EACH STATEMENT EXECUTE FUNCTION control_plane.audit_forbid()', guarded);
        EXECUTE format('ALTER TABLE control_plane.%I ENABLE ALWAYS TRIGGER audit_forbid_change', guarded);
        EXECUTE format('ALTER TABLE control_plane.%I ENABLE ALWAYS TRIGGER audit_forbid_truncate', guarded);
    END LOOP;
END $$;
