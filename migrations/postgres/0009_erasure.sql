-- Erasure: personal values of a row can go, and what stands in `redacted` in their place keeps its leaf provable.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_logs'::regclass));
END $$;

-- Legal holds: what they cover is neither erased nor pruned. Each is one row, and its release another.
CREATE TABLE control_plane.audit_holds (
    id         uuid        NOT NULL,
    added_at   timestamptz NOT NULL DEFAULT now(),
    since      timestamptz,
    until      timestamptz,
    actor_id   text,
    target_id  text,
    reason     text        NOT NULL,
    added_by   text        NOT NULL,
    CONSTRAINT audit_holds_pkey PRIMARY KEY (id),
    CONSTRAINT audit_holds_scope CHECK (num_nonnulls(since, until, actor_id, target_id) > 0 AND since < until
                                        AND isfinite(since) AND isfinite(until))
);
CREATE TABLE control_plane.audit_hold_releases (
    hold_id     uuid        NOT NULL,
    released_at timestamptz NOT NULL DEFAULT now(),
    reason      text        NOT NULL,
    released_by text        NOT NULL,
    CONSTRAINT audit_hold_releases_pkey PRIMARY KEY (hold_id),
    CONSTRAINT audit_hold_releases_hold FOREIGN KEY (hold_id) REFERENCES control_plane.audit_holds (id)
);
COMMENT ON TABLE control_plane.audit_holds IS 'Rows that all that is said of them fits are kept until the hold is released';
COMMENT ON COLUMN control_plane.audit_holds.added_by IS 'Who said so; session_user stands in the entry audit.hold_added';

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['audit_holds', 'audit_hold_releases'] LOOP
        EXECUTE format('CREATE TRIGGER audit_forbid_change BEFORE UPDATE OR DELETE ON control_plane.%I
            FOR EACH ROW EXECUTE FUNCTION control_plane.audit_forbid()', guarded);
        EXECUTE format('CREATE TRIGGER audit_forbid_truncate BEFORE TRUNCATE ON control_plane.%I
            FOR EACH STATEMENT EXECUTE FUNCTION control_plane.audit_forbid()', guarded);
        EXECUTE format('ALTER TABLE control_plane.%I ENABLE ALWAYS TRIGGER audit_forbid_change', guarded);
        EXECUTE format('ALTER TABLE control_plane.%I ENABLE ALWAYS TRIGGER audit_forbid_truncate', guarded);
    END LOOP;
END $$;

CREATE FUNCTION control_plane.audit_active_holds()
    RETURNS TABLE (id uuid, added_at timestamptz, since timestamptz, until timestamptz, actor_id text, target_id text, reason text,
                   added_by text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT h.id, h.added_at, h.since, h.until, h.actor_id, h.target_id, h.reason, h.added_by
      FROM control_plane.audit_holds h
     WHERE NOT EXISTS (SELECT FROM control_plane.audit_hold_releases r WHERE r.hold_id = h.id)
     ORDER BY h.added_at, h.id
$$;
REVOKE ALL ON FUNCTION control_plane.audit_active_holds() FROM PUBLIC;

CREATE FUNCTION control_plane.audit_add_hold(id uuid, since timestamptz, until timestamptz, actor_id text, target_id text, reason text,
                                             added_by text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO control_plane.audit_holds (id, since, until, actor_id, target_id, reason, added_by)
    VALUES (audit_add_hold.id, audit_add_hold.since, audit_add_hold.until, audit_add_hold.actor_id, audit_add_hold.target_id,
            audit_add_hold.reason, audit_add_hold.added_by)
$$;
REVOKE ALL ON FUNCTION control_plane.audit_add_hold(uuid, timestamptz, timestamptz, text, text, text, text) FROM PUBLIC;

-- False where no such hold is active.
CREATE FUNCTION control_plane.audit_release_hold(of_hold uuid, reason text, released_by text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO control_plane.audit_hold_releases (hold_id, reason, released_by)
    SELECT h.id, audit_release_hold.reason, audit_release_hold.released_by FROM control_plane.audit_holds h WHERE h.id = of_hold
        ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_release_hold(uuid, text, text) FROM PUBLIC;

-- A hold that covers any row of a time; NULL where none does.
CREATE FUNCTION control_plane.audit_hold_over(lower_bound timestamptz, upper_bound timestamptz) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT h.id FROM control_plane.audit_active_holds() h
     WHERE (h.since IS NULL OR h.since < upper_bound) AND (h.until IS NULL OR h.until > lower_bound)
       AND (num_nonnulls(h.actor_id, h.target_id) = 0
            OR EXISTS (SELECT FROM control_plane.audit_logs l
                        WHERE l.created_at >= lower_bound AND l.created_at < upper_bound
                          AND (h.since IS NULL OR l.created_at >= h.since) AND (h.until IS NULL OR l.created_at < h.until)
                          AND (h.actor_id IS NULL OR l.actor_id = h.actor_id)
                          AND (h.target_id IS NULL OR l.target_id = h.target_id)))
     LIMIT 1
$$;
REVOKE ALL ON FUNCTION control_plane.audit_hold_over(timestamptz, timestamptz) FROM PUBLIC;

-- A row may change in one way alone: personal values go, with the salt, and their commitments come. Nobody but the owner
-- gets so far, and only for the row that it names; that is audit_redact below. Run with the caller's rights: with the
-- owner's, whoever may update would pass.
CREATE FUNCTION control_plane.audit_guard_row() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    personal constant text[] := ARRAY['actor_id', 'target_id', 'on_behalf_of', 'ip_address', 'user_agent', 'error',
                                      'metadata', 'salt', 'redacted'];
BEGIN
    IF TG_OP = 'UPDATE'
       AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID)
       AND current_setting('audit.redact', true) = OLD.id::text
       AND to_jsonb(NEW) - personal = to_jsonb(OLD) - personal
       AND (NEW.actor_id IS NULL OR NEW.actor_id IS NOT DISTINCT FROM OLD.actor_id)
       AND (NEW.target_id IS NULL OR NEW.target_id IS NOT DISTINCT FROM OLD.target_id)
       AND (NEW.on_behalf_of IS NULL OR NEW.on_behalf_of IS NOT DISTINCT FROM OLD.on_behalf_of)
       AND (NEW.ip_address IS NULL OR NEW.ip_address IS NOT DISTINCT FROM OLD.ip_address)
       AND (NEW.user_agent IS NULL OR NEW.user_agent IS NOT DISTINCT FROM OLD.user_agent)
       AND (NEW.error IS NULL OR NEW.error IS NOT DISTINCT FROM OLD.error)
       AND NOT EXISTS (SELECT FROM jsonb_each(NEW.metadata) n WHERE n.value IS DISTINCT FROM OLD.metadata->n.key)
       AND NEW.salt IS NULL
       AND jsonb_typeof(NEW.redacted->'erased') = 'object' AND jsonb_typeof(NEW.redacted->'salts') = 'object'
       -- What was erased before stays so, and a salt goes only where a commitment comes.
       AND NEW.redacted->'erased' @> coalesce(OLD.redacted->'erased', '{}')
       AND (OLD.redacted IS NULL
            OR OLD.redacted->'salts' @> (NEW.redacted->'salts')
               AND NOT EXISTS (SELECT FROM jsonb_object_keys(OLD.redacted->'salts') k
                                WHERE NOT (NEW.redacted->'salts' ? k OR NEW.redacted->'erased' ? k))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'to correct an entry, record another one; to erase personal values: audit redact';
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_guard_row() FROM PUBLIC;

CREATE TRIGGER audit_forbid_change_but_erasure BEFORE UPDATE OR DELETE ON control_plane.audit_logs
    FOR EACH ROW EXECUTE FUNCTION control_plane.audit_guard_row();
ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_forbid_change_but_erasure;
DROP TRIGGER audit_forbid_change ON control_plane.audit_logs;
ALTER TRIGGER audit_forbid_change_but_erasure ON control_plane.audit_logs RENAME TO audit_forbid_change;

-- Takes personal values of one row out. Who calls has computed what stands in their place, and checks the leaf afterwards, in
-- the same transaction. False where there is no such row.
CREATE FUNCTION control_plane.audit_redact(of_id uuid, at timestamptz, fields text[], in_their_place jsonb) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    held uuid;
    changed bigint;
BEGIN
    SELECT h.id INTO held
      FROM control_plane.audit_active_holds() h
      JOIN control_plane.audit_logs l ON l.id = of_id AND l.created_at = at
     WHERE (h.since IS NULL OR l.created_at >= h.since) AND (h.until IS NULL OR l.created_at < h.until)
       AND (h.actor_id IS NULL OR l.actor_id = h.actor_id) AND (h.target_id IS NULL OR l.target_id = h.target_id)
     LIMIT 1;
    IF held IS NOT NULL THEN
        RAISE EXCEPTION 'the row is under the legal hold %', held USING ERRCODE = 'AU003';
    END IF;
    PERFORM set_config('audit.redact', of_id::text, true);
    UPDATE control_plane.audit_logs l
       SET actor_id = CASE WHEN 'actor_id' = ANY (fields) THEN NULL ELSE l.actor_id END,
           target_id = CASE WHEN 'target_id' = ANY (fields) THEN NULL ELSE l.target_id END,
           on_behalf_of = CASE WHEN 'on_behalf_of' = ANY (fields) THEN NULL ELSE l.on_behalf_of END,
           ip_address = CASE WHEN 'ip_address' = ANY (fields) THEN NULL ELSE l.ip_address END,
           user_agent = CASE WHEN 'user_agent' = ANY (fields) THEN NULL ELSE l.user_agent END,
           error = CASE WHEN 'error' = ANY (fields) THEN NULL ELSE l.error END,
           metadata = l.metadata - ARRAY(SELECT substr(f, length('metadata.') + 1) FROM unnest(fields) f WHERE f LIKE 'metadata.%'),
           salt = NULL,
           redacted = in_their_place
     WHERE l.id = of_id AND l.created_at = at;
    GET DIAGNOSTICS changed = ROW_COUNT;
    PERFORM set_config('audit.redact', '', true);
    RETURN changed = 1;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_redact(uuid, timestamptz, text[], jsonb) FROM PUBLIC;

-- It becomes one part of the function that makes all roles and grants, below.
ALTER FUNCTION control_plane.audit_grant_roles() RENAME TO audit_grant_before_erasure;

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;

CREATE FUNCTION control_plane.audit_grant_erasure() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    migrator name := current_user;
    owned regclass;
    called regprocedure;
    tables regclass[] := ARRAY['control_plane.audit_holds', 'control_plane.audit_hold_releases']::regclass[];
    functions regprocedure[] := ARRAY[
        'control_plane.audit_active_holds()', 'control_plane.audit_release_hold(uuid, text, text)',
        'control_plane.audit_add_hold(uuid, timestamptz, timestamptz, text, text, text, text)',
        'control_plane.audit_hold_over(timestamptz, timestamptz)', 'control_plane.audit_guard_row()',
        'control_plane.audit_redact(uuid, timestamptz, text[], jsonb)',
        'control_plane.audit_grant_before_erasure()', 'control_plane.audit_grant_erasure()', 'control_plane.audit_grant_roles()'
    ]::regprocedure[];
BEGIN
    FOREACH owned IN ARRAY tables LOOP
        -- Asked first: who does not inherit may not give away what the owner has already.
        IF (SELECT relowner <> to_regrole('audit_owner') FROM pg_class WHERE oid = owned) THEN
            EXECUTE format('ALTER TABLE %s OWNER TO audit_owner', owned);
        END IF;
    END LOOP;
    FOREACH called IN ARRAY functions LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO audit_owner', called);
    END LOOP;
    SET LOCAL ROLE audit_owner;
    REVOKE ALL ON TABLE control_plane.audit_holds, control_plane.audit_hold_releases FROM PUBLIC;
    GRANT SELECT ON control_plane.audit_holds, control_plane.audit_hold_releases TO audit_reader, audit_admin;
    GRANT EXECUTE ON FUNCTION control_plane.audit_active_holds() TO audit_reader, audit_admin;
    GRANT EXECUTE ON FUNCTION control_plane.audit_add_hold(uuid, timestamptz, timestamptz, text, text, text, text),
                              control_plane.audit_release_hold(uuid, text, text),
                              control_plane.audit_hold_over(timestamptz, timestamptz),
                              control_plane.audit_redact(uuid, timestamptz, text[], jsonb) TO audit_admin;
    EXECUTE format('SET LOCAL ROLE %I', migrator);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_erasure() FROM PUBLIC;

CREATE FUNCTION control_plane.audit_grant_roles() RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(control_plane.audit_grant_before_erasure(), control_plane.audit_grant_erasure())
$$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_roles() FROM PUBLIC;

-- Where the roles could not be made, audit_grant_roles() has said so already.
SELECT set_config('audit.migration_notes',
    CASE WHEN (SELECT relowner = to_regrole('audit_owner') FROM pg_class WHERE oid = 'control_plane.audit_logs'::regclass)
         THEN coalesce(control_plane.audit_grant_erasure(), '') ELSE '' END, true);
