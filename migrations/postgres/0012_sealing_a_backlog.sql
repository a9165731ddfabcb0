-- A log that was not sealed for long is sealed in steps whose work does not grow with what waits, and the leaves of a step are
-- computed by one expression: a function for each header would be planned for each.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_tree'::regclass));
END $$;

-- As in 0004_header_hash.sql. Bodies that are parsed here need no search path, and without one they become part of the
-- statement that names them.
CREATE OR REPLACE FUNCTION control_plane.audit_encode_field(field bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    RETURN coalesce(int4send(octet_length(field)) || field, '\xffffffff'::bytea);

CREATE OR REPLACE FUNCTION control_plane.audit_encode_time(at timestamptz) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    RETURN control_plane.audit_encode_field(int8send((extract(epoch FROM at AT TIME ZONE 'UTC') * 1000000)::bigint));

CREATE FUNCTION control_plane.audit_header_hash(b control_plane.audit_batches) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    RETURN sha256(
           control_plane.audit_encode_field('audit-header-v1'::bytea)
        || control_plane.audit_encode_field(uuid_send((b).stream_id))
        || control_plane.audit_encode_field(int8send((b).batch_no))
        || control_plane.audit_encode_field(convert_to((b).kind, 'UTF8'))
        || control_plane.audit_encode_field(int8send((b).first_seq))
        || control_plane.audit_encode_field(int4send((b).n))
        || control_plane.audit_encode_time((b).first_created)
        || control_plane.audit_encode_time((b).last_created)
        || control_plane.audit_encode_field((b).rows_root)
        || control_plane.audit_encode_field((b).prev_hash)
        || control_plane.audit_encode_time((b).writer_time)
        || control_plane.audit_encode_field(convert_to((b).key_id, 'UTF8')));
REVOKE ALL ON FUNCTION control_plane.audit_header_hash(control_plane.audit_batches) FROM PUBLIC;

-- As in 0008_sealing.sql. A hash is 32 bytes long.
CREATE FUNCTION control_plane.audit_leaf_hash(b control_plane.audit_batches) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    RETURN sha256('\x00'::bytea
        || control_plane.audit_encode_field('audit-tree-v1'::bytea)
        || int4send(32) || control_plane.audit_header_hash(b)
        || control_plane.audit_encode_field((b).sig)
        || control_plane.audit_encode_time((b).db_time));
REVOKE ALL ON FUNCTION control_plane.audit_leaf_hash(control_plane.audit_batches) FROM PUBLIC;

CREATE OR REPLACE FUNCTION control_plane.audit_header_hash(of_stream uuid, of_batch bigint) RETURNS bytea
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT control_plane.audit_header_hash(b) FROM control_plane.audit_batches b
     WHERE b.stream_id = of_stream AND b.batch_no = of_batch
$$;

DROP FUNCTION control_plane.audit_leaf_hash(uuid, bigint);

-- As in 0008_sealing.sql, but for the functions above.
CREATE OR REPLACE FUNCTION control_plane.audit_grant_sealing() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    migrator name := current_user;
    called regprocedure;
    functions regprocedure[] := ARRAY[
        'control_plane.audit_header_hash(control_plane.audit_batches)', 'control_plane.audit_leaf_hash(control_plane.audit_batches)',
        'control_plane.audit_seal(xid8, integer)',
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

-- Headers that no transaction settled yet are counted up to a bound. Beyond it every stream is asked for the headers that
-- follow, by the primary keys alone; everything else is as in 0008_sealing.sql, which says why.
CREATE OR REPLACE FUNCTION control_plane.audit_seal(INOUT watermark xid8, most integer, OUT sealed integer, OUT is_whole boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settled xid8;
    size bigint;
    many bigint := 8 * most::bigint;
    streams uuid[];
BEGIN
    is_whole := false;
    BEGIN
        LOCK TABLE control_plane.audit_tree IN SHARE ROW EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
        RETURN;
    END;
    settled := pg_snapshot_xmin(pg_current_snapshot());
    IF watermark IS NULL OR settled < watermark THEN
        watermark := '0';
    END IF;
    size := (SELECT coalesce(max(t.leaf) + 1, 0) FROM control_plane.audit_tree t);

    IF many > (SELECT count(*) FROM (SELECT FROM control_plane.audit_batches b WHERE b.xid >= watermark LIMIT many) AS newer) THEN
        streams := ARRAY(
            SELECT DISTINCT b.stream_id
              FROM control_plane.audit_batches b
             WHERE b.xid >= watermark
               -- Greater ones come from another cluster, and were looked at from the beginning.
               AND (watermark = '0' OR b.xid < pg_snapshot_xmax(pg_current_snapshot()))
               AND NOT EXISTS (SELECT FROM control_plane.audit_tree t WHERE t.stream_id = b.stream_id AND t.batch_no = b.batch_no));
    ELSE
        streams := ARRAY(
            WITH RECURSIVE stream AS (
                (SELECT b.stream_id AS id FROM control_plane.audit_batches b ORDER BY b.stream_id LIMIT 1)
                 UNION ALL
                SELECT (SELECT b.stream_id FROM control_plane.audit_batches b
                         WHERE b.stream_id > s.id ORDER BY b.stream_id LIMIT 1)
                  FROM stream s WHERE s.id IS NOT NULL
            )
            SELECT s.id FROM stream s WHERE s.id IS NOT NULL);
    END IF;

    WITH ready AS MATERIALIZED (
        SELECT run.stream_id, run.batch_no, run.upto
          FROM unnest(streams) AS s (stream_id)
         CROSS JOIN LATERAL (
               SELECT coalesce(max(t.batch_no), -1) AS upto FROM control_plane.audit_tree t
                WHERE t.stream_id = s.stream_id) sealed_already
         CROSS JOIN LATERAL (
               SELECT b.stream_id, b.batch_no, upto, b.batch_no - row_number() OVER (ORDER BY b.batch_no) AS before
                 FROM (SELECT h.stream_id, h.batch_no FROM control_plane.audit_batches h
                        WHERE h.stream_id = s.stream_id AND h.batch_no > upto
                          AND isfinite(h.writer_time) AND isfinite(h.first_created) AND isfinite(h.last_created)
                        ORDER BY h.batch_no LIMIT most) b) run
         WHERE run.before = run.upto
         LIMIT most
    ), following AS (
        -- The limit cuts where it likes: what it left of a stream counts as far as it has no gap.
        SELECT r.stream_id, r.batch_no, r.upto, row_number() OVER (PARTITION BY r.stream_id ORDER BY r.batch_no) AS nth
          FROM ready r
    ), put AS (
        INSERT INTO control_plane.audit_tree (leaf, stream_id, batch_no, leaf_hash)
        SELECT size + row_number() OVER (ORDER BY f.stream_id, f.batch_no) - 1, f.stream_id, f.batch_no,
               control_plane.audit_leaf_hash(b)
          FROM following f
          JOIN control_plane.audit_batches b ON b.stream_id = f.stream_id AND b.batch_no = f.batch_no
         WHERE f.batch_no = f.upto + f.nth
        RETURNING leaf
    )
    SELECT (SELECT count(*) FROM put), (SELECT count(*) FROM ready) < most INTO sealed, is_whole;
    IF is_whole THEN
        watermark := settled;
    END IF;
END $$;
