-- Sealing: headers become leaves of one tree, and signed checkpoints state how large it is.
--
-- A sealer calls these functions and has no other privilege. It never touches audit_batches. A signer, who has the key of the
-- log, may do the same and write checkpoints.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_checkpoints'::regclass));
END $$;

ALTER TABLE control_plane.audit_checkpoints
    ADD COLUMN frontier bytea,
    ADD CONSTRAINT audit_checkpoints_frontier CHECK (octet_length(frontier) % 32 = 0);
COMMENT ON COLUMN control_plane.audit_checkpoints.frontier IS
    'The roots of the tree''s complete subtrees, largest first: what a sealer needs to go on';

-- A time without an end could not be hashed, and would hold up its stream for ever. Writers never write one.
ALTER TABLE control_plane.audit_batches
    ADD CONSTRAINT audit_batches_times
        CHECK (isfinite(writer_time) AND isfinite(first_created) AND isfinite(last_created)) NOT VALID;

-- The leaf of a header: SHA-256 over a zero byte and, each after its length, a tag, the header's hash, its signature
-- and the time at which the database took it.
CREATE FUNCTION control_plane.audit_leaf_hash(of_stream uuid, of_batch bigint) RETURNS bytea
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256('\x00'::bytea
        || control_plane.audit_encode_field('audit-tree-v1')
        || control_plane.audit_encode_field(control_plane.audit_header_hash(stream_id, batch_no))
        || control_plane.audit_encode_field(sig)
        || control_plane.audit_encode_time(db_time))
      FROM control_plane.audit_batches
     WHERE stream_id = of_stream AND batch_no = of_batch
$$;
REVOKE ALL ON FUNCTION control_plane.audit_leaf_hash(uuid, bigint) FROM PUBLIC;

-- Puts headers into the tree: in each stream those that follow, without a gap, what of it is there. Headers of
-- transactions below the watermark were looked at before: they are in the tree, or behind a gap, and those are found
-- once the gap closes, because then the whole run behind it is taken.
--
-- One session at a time does so; the others hear NULL. The snapshot's lower end is taken before the scan, so that
-- nothing that commits meanwhile can fall below the next watermark. A cluster whose transactions are below it was restored
-- from a dump, and is looked at from the beginning.
CREATE FUNCTION control_plane.audit_seal(INOUT watermark xid8, most integer, OUT sealed integer, OUT is_whole boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settled xid8;
    size bigint;
BEGIN
    is_whole := false;
    BEGIN
        -- An advisory lock would be anybody's to take.
        LOCK TABLE control_plane.audit_tree IN SHARE ROW EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
        RETURN;
    END;
    settled := pg_snapshot_xmin(pg_current_snapshot());
    IF watermark IS NULL OR settled < watermark THEN
        watermark := '0';
    END IF;
    size := (SELECT coalesce(max(t.leaf) + 1, 0) FROM control_plane.audit_tree t);

    WITH fresh AS MATERIALIZED (
        SELECT DISTINCT b.stream_id
          FROM control_plane.audit_batches b
         WHERE b.xid >= audit_seal.watermark
           -- Greater ones come from another cluster, and were looked at from the beginning.
           AND (audit_seal.watermark = '0' OR b.xid < pg_snapshot_xmax(pg_current_snapshot()))
           AND NOT EXISTS (SELECT FROM control_plane.audit_tree t WHERE t.stream_id = b.stream_id AND t.batch_no = b.batch_no)
    ), stream AS (
        SELECT f.stream_id, coalesce((SELECT max(t.batch_no) FROM control_plane.audit_tree t WHERE t.stream_id = f.stream_id), -1) AS upto
          FROM fresh f
    ), ready AS (
        SELECT run.stream_id, run.batch_no
          FROM stream s
         CROSS JOIN LATERAL (
               SELECT b.stream_id, b.batch_no, b.batch_no - row_number() OVER (ORDER BY b.batch_no) AS before
                 FROM (SELECT h.stream_id, h.batch_no FROM control_plane.audit_batches h
                        WHERE h.stream_id = s.stream_id AND h.batch_no > s.upto
                          AND isfinite(h.writer_time) AND isfinite(h.first_created) AND isfinite(h.last_created)
                        ORDER BY h.batch_no LIMIT most) b) run
         WHERE run.before = s.upto
         ORDER BY run.stream_id, run.batch_no LIMIT most
    )
    INSERT INTO control_plane.audit_tree (leaf, stream_id, batch_no, leaf_hash)
    SELECT size + row_number() OVER (ORDER BY r.stream_id, r.batch_no) - 1, r.stream_id, r.batch_no,
           control_plane.audit_leaf_hash(r.stream_id, r.batch_no)
      FROM ready r;
    GET DIAGNOSTICS sealed = ROW_COUNT;
    is_whole := sealed < most;
    IF is_whole THEN
        watermark := settled;
    END IF;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_seal(xid8, integer) FROM PUBLIC;

CREATE FUNCTION control_plane.audit_leaves(first bigint, most integer)
    RETURNS TABLE (stream_id uuid, batch_no bigint, leaf_hash bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.stream_id, t.batch_no, t.leaf_hash FROM control_plane.audit_tree t
     WHERE t.leaf >= first ORDER BY t.leaf LIMIT most
$$;
REVOKE ALL ON FUNCTION control_plane.audit_leaves(bigint, integer) FROM PUBLIC;

CREATE FUNCTION control_plane.audit_newest_checkpoint()
    RETURNS TABLE (size bigint, watermark xid8, root_hash bytea, note text, frontier bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.size, c.watermark, c.root_hash, c.note, c.frontier
      FROM control_plane.audit_checkpoints c ORDER BY c.size DESC LIMIT 1
$$;
REVOKE ALL ON FUNCTION control_plane.audit_newest_checkpoint() FROM PUBLIC;

-- Two sealers may sign the same size: the first one's stands.
CREATE FUNCTION control_plane.audit_write_checkpoint(size bigint, watermark xid8, root_hash bytea, note text, frontier bytea)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF size > (SELECT coalesce(max(t.leaf) + 1, 0) FROM control_plane.audit_tree t) THEN
        RAISE EXCEPTION 'the tree is smaller than the checkpoint says' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO control_plane.audit_checkpoints (size, watermark, root_hash, note, frontier)
    VALUES (size, watermark, root_hash, note, frontier)
        ON CONFLICT DO NOTHING;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_write_checkpoint(bigint, xid8, bytea, text, bytea) FROM PUBLIC;

-- It becomes one part of the function that makes all roles and grants, below.
ALTER FUNCTION control_plane.audit_grant_roles() RENAME TO audit_grant_before_sealing;

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;

CREATE FUNCTION control_plane.audit_grant_sealing() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    migrator name := current_user;
    called regprocedure;
    functions regprocedure[] := ARRAY[
        'control_plane.audit_leaf_hash(uuid, bigint)', 'control_plane.audit_seal(xid8, integer)',
        'control_plane.audit_leaves(bigint, integer)', 'control_plane.audit_newest_checkpoint()',
        'control_plane.audit_write_checkpoint(bigint, xid8, bytea, text, bytea)',
        'control_plane.audit_grant_before_sealing()', 'control_plane.audit_grant_sealing()',
        'control_plane.audit_grant_roles()'
    ]::regprocedure[];
BEGIN
    IF to_regrole('audit_signer') IS NULL THEN
        BEGIN
            CREATE ROLE audit_signer NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RETURN format('no role for whoever signs checkpoints: %I may not make the role audit_signer. As a user that may make '
                    'roles, run: SELECT control_plane.audit_grant_roles()', migrator);
        END;
    END IF;
    GRANT USAGE ON SCHEMA control_plane TO audit_signer;
    FOREACH called IN ARRAY functions LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO audit_owner', called);
    END LOOP;
    SET LOCAL ROLE audit_owner;
    GRANT SELECT ON control_plane.audit_migrations TO audit_signer;
    GRANT EXECUTE ON FUNCTION control_plane.audit_seal(xid8, integer), control_plane.audit_leaves(bigint, integer),
                              control_plane.audit_newest_checkpoint() TO audit_sealer, audit_signer;
    -- A false checkpoint would be a break for ever: only where the key of the log is.
    GRANT EXECUTE ON FUNCTION control_plane.audit_write_checkpoint(bigint, xid8, bytea, text, bytea) TO audit_signer;
    EXECUTE format('SET LOCAL ROLE %I', migrator);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_sealing() FROM PUBLIC;

CREATE FUNCTION control_plane.audit_grant_roles() RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(control_plane.audit_grant_before_sealing(), control_plane.audit_grant_sealing())
$$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_roles() FROM PUBLIC;

-- Where the roles could not be made, audit_grant_roles() has said so already.
SELECT set_config('audit.migration_notes',
    CASE WHEN (SELECT relowner = to_regrole('audit_owner') FROM pg_class WHERE oid = 'control_plane.audit_logs'::regclass)
         THEN coalesce(control_plane.audit_grant_sealing(), '') ELSE '' END, true);
