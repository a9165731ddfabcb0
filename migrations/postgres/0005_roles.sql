-- Who may do what. The database grants each part of the program what it needs, and nothing else.
--
-- Roles belong to the whole cluster: they are made only when absent, and another database that makes them at the
-- same moment is no error. Where the migrating user may make none, the guards stand alone, and this function can be
-- called again by somebody who may: SELECT control_plane.audit_grant_roles();

CREATE FUNCTION control_plane.audit_grant_roles() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    migrator name := current_user;
    role text;
    owned regclass;
    called regprocedure;
    tables regclass[] := ARRAY[
        'control_plane.audit_logs', 'control_plane.audit_batches', 'control_plane.audit_tree',
        'control_plane.audit_checkpoints', 'control_plane.audit_outbox', 'control_plane.audit_dead_letters',
        'control_plane.audit_migrations'
    ]::regclass[] || ARRAY(SELECT inhrelid::regclass FROM pg_inherits
                            WHERE inhparent = 'control_plane.audit_logs'::regclass);
    functions regprocedure[] := ARRAY[
        'control_plane.audit_forbid()', 'control_plane.audit_partitions()',
        'control_plane.audit_ensure_partition(timestamptz)', 'control_plane.audit_encode_field(bytea)',
        'control_plane.audit_encode_time(timestamptz)', 'control_plane.audit_header_hash(uuid, bigint)',
        'control_plane.audit_dead_letter_count(uuid, bigint)', 'control_plane.audit_grant_roles()'
    ]::regprocedure[];
BEGIN
    -- Asked first: a grant that may not be handed on is a mere warning, and what rests on it fails later.
    IF NOT (has_schema_privilege(to_regnamespace('control_plane'), 'CREATE WITH GRANT OPTION')
            AND has_schema_privilege(to_regnamespace('control_plane'), 'USAGE WITH GRANT OPTION')) THEN
        RETURN format('no roles: the schema belongs to somebody else, and %I may not grant privileges on it, so whoever '
            'can reach the tables can write to them; the guards against change stand. As a superuser, run: '
            'SELECT control_plane.audit_grant_roles()', migrator);
    END IF;

    FOREACH role IN ARRAY ARRAY['audit_owner', 'audit_writer', 'audit_drainer', 'audit_sealer', 'audit_reader', 'audit_admin'] LOOP
        IF to_regrole(role) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RETURN format('no roles: %I may not make the role %I, so whoever can reach the tables can write to them; '
                        'the guards against change stand. As a user that may make roles, run: SELECT control_plane.audit_grant_roles()',
                        migrator, role);
            END;
        END IF;
    END LOOP;

    -- Only who can act as the owner may give tables to it. From version 16 on, whoever makes a role is a member that
    -- cannot act as it yet, so being a member is not enough to leave this out.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        BEGIN
            EXECUTE format('GRANT audit_owner TO %I', migrator);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                IF NOT pg_has_role('audit_owner', 'MEMBER') THEN
                    RETURN format('no roles: %I is not a member of audit_owner; as a superuser, run: '
                        'GRANT audit_owner TO %I; SELECT control_plane.audit_grant_roles()', migrator, migrator);
                END IF;
        END;
    END IF;

    -- Only what is ours: the schema may hold tables of the application, too.
    FOREACH owned IN ARRAY tables LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM PUBLIC', owned);
    END LOOP;
    GRANT USAGE ON SCHEMA control_plane TO audit_writer, audit_drainer, audit_sealer, audit_reader, audit_admin;
    GRANT SELECT ON control_plane.audit_migrations TO audit_writer, audit_drainer, audit_sealer, audit_reader, audit_admin;

    -- What the database sets itself (recorded_at, redacted, db_time, xid), no writer may set.
    GRANT INSERT (id, created_at, stream_id, seq, duration_us, attempt_id, actor_type, outcome, actor_id, action,
                  target_type, target_id, metadata, ip_address, user_agent, error, request_id, trace_id, span_id,
                  tenant_id, on_behalf_of, origin, salt)
        ON control_plane.audit_logs TO audit_writer;
    GRANT INSERT (stream_id, batch_no, first_seq, first_created, last_created, writer_time, n, kind, rows_root,
                  prev_hash, key_id, sig)
        ON control_plane.audit_batches TO audit_writer;
    GRANT INSERT (stream_id, batch_no, idx, leaf_hash, encoded) ON control_plane.audit_dead_letters TO audit_writer;
    GRANT EXECUTE ON FUNCTION control_plane.audit_ensure_partition(timestamptz),
                              control_plane.audit_header_hash(uuid, bigint),
                              control_plane.audit_dead_letter_count(uuid, bigint) TO audit_writer;
    GRANT SELECT, DELETE ON control_plane.audit_outbox TO audit_drainer;
    GRANT SELECT ON control_plane.audit_logs, control_plane.audit_batches, control_plane.audit_tree,
                    control_plane.audit_checkpoints, control_plane.audit_dead_letters TO audit_reader;
    GRANT EXECUTE ON FUNCTION control_plane.audit_partitions() TO audit_writer, audit_reader, audit_admin;

    -- Last, because afterwards the migrating user acts only as a member of the owner.
    GRANT CREATE, USAGE ON SCHEMA control_plane TO audit_owner;
    FOREACH owned IN ARRAY tables LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO audit_owner', owned);
    END LOOP;
    FOREACH called IN ARRAY functions LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO audit_owner', called);
    END LOOP;

    -- The history has still to be written, also by a member that does not inherit what its roles may do. Only the new
    -- owner can grant that.
    IF NOT (has_table_privilege('control_plane.audit_migrations', 'SELECT')
            AND has_table_privilege('control_plane.audit_migrations', 'INSERT')) THEN
        SET LOCAL ROLE audit_owner;
        EXECUTE format('GRANT SELECT, INSERT ON control_plane.audit_migrations TO %I', migrator);
        EXECUTE format('SET LOCAL ROLE %I', migrator);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_roles() FROM PUBLIC;

SELECT set_config('audit.migration_notes', coalesce(control_plane.audit_grant_roles(), ''), true);
