-- Dead letters can be sent again: the row goes to the log under its own number, and the letter goes with it, in one step.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_dead_letters'::regclass));
END $$;

-- A dead letter may go only when its row is in the log. Nobody but the owner gets so far, and only for the letter that it
-- names; a superuser who takes the owner's part can then do no more than what is right.
CREATE FUNCTION control_plane.audit_guard_dead_letter() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    letter jsonb;
BEGIN
    IF TG_OP = 'DELETE'
       AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID)
       AND current_setting('audit.retried', true) = format('%s %s %s', OLD.stream_id, OLD.batch_no, OLD.idx) THEN
        letter := convert_from(OLD.encoded, 'UTF8')::jsonb;
        IF EXISTS (SELECT FROM control_plane.audit_logs l
                    WHERE l.id = (letter->>'id')::uuid AND l.created_at = (letter->>'created_at')::timestamptz
                      AND l.stream_id = OLD.stream_id AND l.seq = (letter->>'seq')::bigint
                      AND l.salt = decode(letter->>'salt', 'hex')) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'a dead letter goes when it is sent again: audit dead-letters retry';
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_guard_dead_letter() FROM PUBLIC;

CREATE TRIGGER audit_forbid_change_but_retry BEFORE UPDATE OR DELETE ON control_plane.audit_dead_letters
    FOR EACH ROW EXECUTE FUNCTION control_plane.audit_guard_dead_letter();
ALTER TABLE control_plane.audit_dead_letters ENABLE ALWAYS TRIGGER audit_forbid_change_but_retry;
DROP TRIGGER audit_forbid_change ON control_plane.audit_dead_letters;
ALTER TRIGGER audit_forbid_change_but_retry ON control_plane.audit_dead_letters RENAME TO audit_forbid_change;

-- Sends one dead letter again. False where there is none of this number, because another run was faster, say. What
-- refuses the row is raised, and everything stays as it was.
CREATE FUNCTION control_plane.audit_retry_dead_letter(of_stream uuid, of_batch bigint, of_idx integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    letter jsonb;
BEGIN
    SELECT convert_from(d.encoded, 'UTF8')::jsonb INTO letter
      FROM control_plane.audit_dead_letters d
     WHERE d.stream_id = of_stream AND d.batch_no = of_batch AND d.idx = of_idx
       FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM control_plane.audit_ensure_partition((letter->>'created_at')::timestamptz);
    INSERT INTO control_plane.audit_logs
          (id, created_at, recorded_at, stream_id, seq, duration_us, attempt_id, actor_type, outcome, actor_id, action,
           target_type, target_id, metadata, ip_address, user_agent, error, request_id, trace_id, span_id, tenant_id,
           on_behalf_of, origin, salt)
    SELECT (letter->>'id')::uuid, (letter->>'created_at')::timestamptz, b.db_time, of_stream, b.first_seq + of_idx,
           (letter->>'duration_us')::bigint, (letter->>'attempt_id')::uuid, letter->>'actor_type', letter->>'outcome',
           letter->>'actor_id', letter->>'action', letter->>'target_type', letter->>'target_id',
           (letter->>'metadata_text')::jsonb, (letter->>'ip_address')::inet, letter->>'user_agent', letter->>'error',
           letter->>'request_id', letter->>'trace_id', letter->>'span_id', letter->>'tenant_id',
           letter->>'on_behalf_of', letter->>'origin', decode(letter->>'salt', 'hex')
      FROM control_plane.audit_batches b
     WHERE b.stream_id = of_stream AND b.batch_no = of_batch;
    PERFORM set_config('audit.retried', format('%s %s %s', of_stream, of_batch, of_idx), true);
    DELETE FROM control_plane.audit_dead_letters d
     WHERE d.stream_id = of_stream AND d.batch_no = of_batch AND d.idx = of_idx;
    PERFORM set_config('audit.retried', '', true);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_retry_dead_letter(uuid, bigint, integer) FROM PUBLIC;

-- It becomes one part of the function that makes all roles and grants, below.
ALTER FUNCTION control_plane.audit_grant_roles() RENAME TO audit_grant_log;

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;

CREATE FUNCTION control_plane.audit_grant_dead_letters() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    migrator name := current_user;
    called regprocedure;
    functions regprocedure[] := ARRAY[
        'control_plane.audit_guard_dead_letter()', 'control_plane.audit_retry_dead_letter(uuid, bigint, integer)',
        'control_plane.audit_grant_log()', 'control_plane.audit_grant_outbox()',
        'control_plane.audit_grant_dead_letters()', 'control_plane.audit_grant_roles()'
    ]::regprocedure[];
BEGIN
    FOREACH called IN ARRAY functions LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO audit_owner', called);
    END LOOP;
    SET LOCAL ROLE audit_owner;
    GRANT EXECUTE ON FUNCTION control_plane.audit_retry_dead_letter(uuid, bigint, integer) TO audit_admin;
    GRANT SELECT ON control_plane.audit_dead_letters TO audit_admin;
    EXECUTE format('SET LOCAL ROLE %I', migrator);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_dead_letters() FROM PUBLIC;

CREATE FUNCTION control_plane.audit_grant_roles() RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(control_plane.audit_grant_log(), control_plane.audit_grant_outbox(),
                    control_plane.audit_grant_dead_letters())
$$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_roles() FROM PUBLIC;

-- Where the roles could not be made, audit_grant_roles() has said so already.
SELECT set_config('audit.migration_notes',
    CASE WHEN (SELECT relowner = to_regrole('audit_owner') FROM pg_class WHERE oid = 'control_plane.audit_logs'::regclass)
         THEN coalesce(control_plane.audit_grant_dead_letters(), '') ELSE '' END, true);
