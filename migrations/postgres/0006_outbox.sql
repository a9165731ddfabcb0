-- The outbox: claims, and who may do what with it. Also run where the outbox stands alone, beside an application's own tables.
--
-- A claim is a frozen batch on its way to a log in another database: the rows that name it hold its bytes, and whoever
-- finds them after its writer has died lands the same bytes again.

-- Tables belong to the owner of the log, if there is one; this user acts as a member of it.
DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_outbox'::regclass));
END $$;

ALTER TABLE control_plane.audit_outbox
    ADD COLUMN claimed_at timestamptz,
    ADD COLUMN stream_id  uuid,
    ADD COLUMN batch_no   bigint,
    ADD COLUMN idx        integer,
    ADD COLUMN header     text,
    ADD CONSTRAINT audit_outbox_claim
        CHECK (num_nulls(claimed_at, stream_id, batch_no, idx) IN (0, 4) AND (header IS NOT NULL) = (idx IS NOT DISTINCT FROM 0));
-- Two claims of one number cannot both stand.
CREATE UNIQUE INDEX audit_outbox_claims ON control_plane.audit_outbox (stream_id, batch_no, idx) WHERE stream_id IS NOT NULL;

COMMENT ON TABLE control_plane.audit_outbox IS 'Entries that commit with the caller''s own transaction, on their way to the log';
COMMENT ON COLUMN control_plane.audit_outbox.entry IS 'The row of the log, but for its place in a stream';
COMMENT ON COLUMN control_plane.audit_outbox.header IS 'Of a claim, the batch''s header, on its first row';

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;

-- Gives back what is to be said when the roles cannot be made. Can be called again by somebody who may make them.
CREATE FUNCTION control_plane.audit_grant_outbox() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    migrator name := current_user;
    owner name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'control_plane.audit_outbox'::regclass);
    role text;
BEGIN
    IF NOT has_schema_privilege(to_regnamespace('control_plane'), 'USAGE WITH GRANT OPTION') THEN
        RETURN format('no roles for the outbox: %I may not grant privileges on its schema. As a superuser, run: '
            'SELECT control_plane.audit_grant_outbox()', migrator);
    END IF;
    FOREACH role IN ARRAY ARRAY['audit_caller', 'audit_drainer'] LOOP
        IF to_regrole(role) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RETURN format('no roles for the outbox: %I may not make the role %I. As a user that may make roles, '
                        'run: SELECT control_plane.audit_grant_outbox()', migrator, role);
            END;
        END IF;
    END LOOP;
    GRANT USAGE ON SCHEMA control_plane TO audit_caller, audit_drainer;

    EXECUTE format('SET LOCAL ROLE %I', owner);
    REVOKE ALL ON TABLE control_plane.audit_outbox FROM PUBLIC;
    GRANT INSERT (id, created_at, salt, entry) ON control_plane.audit_outbox TO audit_caller;
    GRANT SELECT, DELETE, UPDATE (claimed_at, stream_id, batch_no, idx, header)
        ON control_plane.audit_outbox TO audit_drainer;
    EXECUTE format('SET LOCAL ROLE %I', migrator);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_outbox() FROM PUBLIC;

-- Beside a log whose roles could not be made, audit_grant_roles() has said so already.
SELECT set_config('audit.migration_notes',
    CASE WHEN to_regclass('control_plane.audit_logs') IS NULL
           OR (SELECT relowner = to_regrole('audit_owner') FROM pg_class WHERE oid = to_regclass('control_plane.audit_logs'))
         THEN coalesce(control_plane.audit_grant_outbox(), '') ELSE '' END, true);
