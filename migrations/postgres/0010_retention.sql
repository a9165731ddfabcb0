-- Retention: whole partitions go once all of their rows are older than a limit, and the log says so for ever. And how long the
-- time is that one partition holds.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_logs'::regclass));
END $$;

-- One row, which audit_set_partition_interval changes and nobody else.
CREATE TABLE control_plane.audit_settings (
    is_only            boolean NOT NULL DEFAULT true,
    partition_interval text    NOT NULL DEFAULT 'week',
    CONSTRAINT audit_settings_pkey PRIMARY KEY (is_only),
    CONSTRAINT audit_settings_only CHECK (is_only),
    CONSTRAINT audit_settings_interval CHECK (partition_interval IN ('hour', 'day', 'week', 'month'))
);
INSERT INTO control_plane.audit_settings DEFAULT VALUES;
COMMENT ON TABLE control_plane.audit_settings IS 'How the log is kept: change it with audit retention interval';

-- What was pruned: the rows created from the lower bound on and before the upper one, that were in the log by then.
CREATE TABLE control_plane.audit_prunings (
    no          bigint      NOT NULL,
    lower_bound timestamptz NOT NULL,
    upper_bound timestamptz NOT NULL,
    n           bigint      NOT NULL,
    leaves      bigint      NOT NULL,
    leaves_root bytea       NOT NULL,
    tree_size   bigint      NOT NULL,
    root_hash   bytea       NOT NULL,
    pruned_at   timestamptz NOT NULL,
    pruned_by   text        NOT NULL,
    statement   text,
    CONSTRAINT audit_prunings_pkey PRIMARY KEY (no),
    CONSTRAINT audit_prunings_bounds CHECK (lower_bound < upper_bound AND upper_bound <= pruned_at),
    CONSTRAINT audit_prunings_counts CHECK (no >= 0 AND n >= 0 AND leaves >= 0 AND tree_size >= 0),
    CONSTRAINT audit_prunings_hashes CHECK (octet_length(leaves_root) = 32 AND octet_length(root_hash) = 32)
);
COMMENT ON COLUMN control_plane.audit_prunings.n IS 'How many rows went';
COMMENT ON COLUMN control_plane.audit_prunings.leaves IS 'How many of their leaves are kept, because their batches have rows elsewhere';
COMMENT ON COLUMN control_plane.audit_prunings.statement IS 'The same, as a note signed by the key of the log';

-- Leaves of pruned rows whose batches have other rows that are still there.
CREATE TABLE control_plane.audit_pruned_leaves (
    stream_id  uuid    NOT NULL,
    batch_no   bigint  NOT NULL,
    pruning_no bigint  NOT NULL,
    idx        integer NOT NULL,
    leaf_hash  bytea   NOT NULL,
    CONSTRAINT audit_pruned_leaves_pkey PRIMARY KEY (stream_id, batch_no, idx),
    CONSTRAINT audit_pruned_leaves_leaf CHECK (idx >= 0 AND octet_length(leaf_hash) = 32)
);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['audit_prunings', 'audit_pruned_leaves'] LOOP
        EXECUTE format('CREATE TRIGGER audit_forbid_change BEFORE UPDATE OR DELETE ON control_plane.%I
            FOR EACH ROW EXECUTE FUNCTION control_plane.audit_forbid()', guarded);
        EXECUTE format('CREATE TRIGGER audit_forbid_truncate BEFORE TRUNCATE ON control_plane.%I
            FOR EACH STATEMENT EXECUTE FUNCTION control_plane.audit_forbid()', guarded);
        EXECUTE format('ALTER TABLE control_plane.%I ENABLE ALWAYS TRIGGER audit_forbid_change', guarded);
        EXECUTE format('ALTER TABLE control_plane.%I ENABLE ALWAYS TRIGGER audit_forbid_truncate', guarded);
    END LOOP;
END $$;

-- Refuses an interval by which what is kept would be more than sixty partitions: planning over more costs more than reading
-- them. `keep` is in seconds.
CREATE FUNCTION control_plane.audit_check_interval(step text, keep bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    steps text[] := ARRAY['hour', 'day', 'week', 'month'];
    lengths bigint[] := ARRAY[3600, 86400, 604800, 2592000];
    length bigint := lengths[array_position(steps, step)];
    partitions bigint := ceil(keep::numeric / length);
    wider text;
BEGIN
    IF length IS NULL THEN
        RAISE EXCEPTION 'there is no partition interval of this name: use hour, day, week or month' USING ERRCODE = 'AU002';
    END IF;
    IF keep IS NULL OR keep < 3600 THEN
        RAISE EXCEPTION 'less than an hour is no time to keep a log' USING ERRCODE = 'AU002';
    END IF;
    IF partitions > 60 THEN
        wider := (SELECT string_agg(s.step, ' or ' ORDER BY s.length) FROM unnest(steps, lengths) s(step, length)
                   WHERE ceil(keep::numeric / s.length) <= 60);
        RAISE EXCEPTION '% / 1 % = % partitions, more than 60: %keep at most %',
            CASE WHEN keep % 86400 = 0 THEN keep / 86400 || ' days' ELSE round(keep / 3600.0, 1) || ' hours' END,
            step, partitions, coalesce('use ' || wider || ', or ', ''),
            CASE step WHEN 'hour' THEN '60h' ELSE 60 * length / 86400 || 'd' END
            USING ERRCODE = 'AU002';
    END IF;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_check_interval(text, bigint) FROM PUBLIC;

-- Partitions that are there stay as they are.
CREATE FUNCTION control_plane.audit_set_partition_interval(step text, keep bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM control_plane.audit_check_interval(step, keep);
    UPDATE control_plane.audit_settings SET partition_interval = step;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_set_partition_interval(text, bigint) FROM PUBLIC;

-- Makes the partition that a row of this time needs, unless there is one, and gives back its bounds. Bounds stop at
-- existing neighbours; 0003_partitions.sql says why LIKE and ATTACH, and why there are two looks.
--
-- Times far from now get wider partitions than the interval, and not more than eight short ones are made ahead, so that
-- somebody whose clock is wrong cannot make hundreds.
CREATE OR REPLACE FUNCTION control_plane.audit_ensure_partition(at timestamptz, OUT lower_bound timestamptz, OUT upper_bound timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    step text;
    near_from timestamptz;
    wanted text;
    name text;
BEGIN
    SELECT p.lower_bound, p.upper_bound INTO lower_bound, upper_bound
      FROM control_plane.audit_partitions() p WHERE p.lower_bound <= at AND at < p.upper_bound;
    IF FOUND THEN
        RETURN;
    END IF;
    IF at IS NULL OR NOT isfinite(at) OR at < now() - interval '400 days' OR at > now() + interval '14 days' THEN
        RAISE EXCEPTION 'no partition is made for a row from more than 400 days ago or 14 days ahead'
            USING ERRCODE = 'AU001', HINT = 'look after the clocks of writers and database';
    END IF;

    LOCK TABLE ONLY control_plane.audit_logs IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT p.lower_bound, p.upper_bound INTO lower_bound, upper_bound
      FROM control_plane.audit_partitions() p WHERE p.lower_bound <= at AND at < p.upper_bound;
    IF FOUND THEN
        RETURN;
    END IF;

    SELECT s.partition_interval INTO STRICT step FROM control_plane.audit_settings s;
    near_from := date_trunc(step, now()) - ('1 ' || step)::interval;
    step := CASE WHEN at < near_from AND step IN ('hour', 'day') THEN 'week'
                 WHEN step = 'hour' AND (SELECT count(*) FROM control_plane.audit_partitions() p WHERE p.lower_bound > now()) >= 8
                 THEN 'day'
                 ELSE step END;

    SELECT greatest(date_trunc(step, at), max(p.upper_bound) FILTER (WHERE p.upper_bound <= at)),
           least(date_trunc(step, at) + ('1 ' || step)::interval, min(p.lower_bound) FILTER (WHERE p.lower_bound > at),
                 CASE WHEN at < near_from THEN near_from END)
      INTO lower_bound, upper_bound
      FROM control_plane.audit_partitions() p;
    wanted := 'audit_logs_' || to_char(lower_bound, CASE WHEN step <> 'hour' AND lower_bound = date_trunc('day', lower_bound)
                                                         THEN 'YYYYMMDD' ELSE 'YYYYMMDD_HH24MISS' END);
    name := wanted;
    -- A partition that was detached to be kept elsewhere keeps its name.
    FOR another IN 2 .. 1000 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = to_regnamespace('control_plane') AND c.relname = name);
        name := wanted || '_' || another;
    END LOOP;

    EXECUTE format('CREATE TABLE control_plane.%I (LIKE control_plane.audit_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('CREATE TRIGGER audit_forbid_truncate BEFORE TRUNCATE ON control_plane.%I
        FOR EACH STATEMENT EXECUTE FUNCTION control_plane.audit_forbid()', name);
    EXECUTE format('ALTER TABLE control_plane.%I ENABLE ALWAYS TRIGGER audit_forbid_truncate', name);
    EXECUTE format('ALTER TABLE control_plane.audit_logs ATTACH PARTITION control_plane.%I FOR VALUES FROM (%L) TO (%L)',
                   name, lower_bound, upper_bound);
END $$;

-- Batches of which some rows, but not all, stand between these bounds: the leaves of those that do have to outlive them. A
-- dead letter stands elsewhere, too, and may come back.
CREATE FUNCTION control_plane.audit_straddling(since timestamptz, until timestamptz)
    RETURNS TABLE (stream_id uuid, batch_no bigint, first_seq bigint, n integer, first_created timestamptz, last_created timestamptz)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.stream_id, b.batch_no, b.first_seq, b.n, b.first_created, b.last_created
      FROM control_plane.audit_batches b
     WHERE b.first_created < until AND b.last_created >= since AND b.n > 0 AND b.kind <> 'lost'
       AND (b.first_created < since OR b.last_created >= until
            OR EXISTS (SELECT FROM control_plane.audit_dead_letters d
                        WHERE d.stream_id = b.stream_id AND d.batch_no = b.batch_no))
$$;
REVOKE ALL ON FUNCTION control_plane.audit_straddling(timestamptz, timestamptz) FROM PUBLIC;

-- Why a partition has to stay: young, held or unsealed. NULL: it may go. `keep` is in seconds. In each stream what is sealed is
-- its beginning, without a gap, so that its last row tells of all.
CREATE FUNCTION control_plane.audit_stays(since timestamptz, until timestamptz, keep bigint) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF until > now() - keep * interval '1 second' THEN
        RETURN 'young';
    END IF;
    IF control_plane.audit_hold_over(since, until) IS NOT NULL THEN
        RETURN 'held';
    END IF;
    IF EXISTS (
        SELECT FROM (SELECT l.stream_id, max(l.seq) AS last FROM control_plane.audit_logs l
                      WHERE l.created_at >= since AND l.created_at < until GROUP BY l.stream_id) r
         WHERE r.last >= coalesce((SELECT b.first_seq + b.n
                                     FROM control_plane.audit_tree t
                                     JOIN control_plane.audit_batches b ON b.stream_id = t.stream_id AND b.batch_no = t.batch_no
                                    WHERE t.stream_id = r.stream_id ORDER BY t.batch_no DESC LIMIT 1), 0)) THEN
        RETURN 'unsealed';
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_stays(timestamptz, timestamptz, bigint) FROM PUBLIC;

-- The partitions, whether each stays, and why. Rows are counted where they may go, and estimated elsewhere.
CREATE FUNCTION control_plane.audit_retention(keep bigint)
    RETURNS TABLE (partition text, lower_bound timestamptz, upper_bound timestamptz, n bigint, bytes bigint, stays text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM control_plane.audit_check_interval((SELECT s.partition_interval FROM control_plane.audit_settings s), keep);
    FOR partition, lower_bound, upper_bound IN SELECT * FROM control_plane.audit_partitions() p ORDER BY p.lower_bound LOOP
        bytes := pg_total_relation_size(format('control_plane.%I', partition)::regclass);
        stays := control_plane.audit_stays(lower_bound, upper_bound, keep);
        IF stays = 'young' THEN
            n := pg_stat_get_live_tuples(format('control_plane.%I', partition)::regclass);
        ELSE
            EXECUTE format('SELECT count(*) FROM control_plane.%I', partition) INTO n;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_retention(bigint) FROM PUBLIC;

-- Closes a partition that may go to everybody else's rows until the transaction ends, and tells what has to be said of it.
-- What was recorded by `pruned_at`, a reading of the clock under that lock, is all of it.
CREATE FUNCTION control_plane.audit_begin_pruning(since timestamptz, until timestamptz, keep bigint,
    OUT n bigint, OUT tree_size bigint, OUT pruned_at timestamptz, OUT pruned_by text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '300ms'
AS $$
DECLARE
    name text;
    reason text;
BEGIN
    SELECT p.partition INTO name FROM control_plane.audit_partitions() p WHERE p.lower_bound = since AND p.upper_bound = until;
    IF name IS NULL THEN
        RAISE EXCEPTION 'there is no partition from % to %', since, until USING ERRCODE = 'AU002';
    END IF;
    EXECUTE format('LOCK TABLE control_plane.%I IN SHARE MODE', name);
    -- Nor does a hold come that was not looked at.
    LOCK TABLE control_plane.audit_holds IN SHARE MODE;
    PERFORM control_plane.audit_check_interval((SELECT s.partition_interval FROM control_plane.audit_settings s), keep);
    reason := control_plane.audit_stays(since, until, keep);
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION 'the partition from % to % has to stay: %', since, until,
            CASE reason WHEN 'young' THEN 'it holds time within the limit'
                        WHEN 'held' THEN 'rows of it are under legal hold'
                        ELSE 'rows of it are not sealed' END
            USING ERRCODE = 'AU002';
    END IF;
    EXECUTE format('SELECT count(*) FROM control_plane.%I', name) INTO n;
    tree_size := (SELECT coalesce(max(t.leaf) + 1, 0) FROM control_plane.audit_tree t);
    pruned_at := clock_timestamp();
    pruned_by := session_user;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_begin_pruning(timestamptz, timestamptz, bigint) FROM PUBLIC;

-- Drops a partition and records it. Everything that has to hold is looked at again, so that nobody gets further by leaving
-- the first step out. Leaves come as arrays of equal length.
CREATE FUNCTION control_plane.audit_prune(since timestamptz, until timestamptz, keep bigint, at timestamptz, rows bigint,
    size bigint, root bytea, signed text, kept_root bytea, streams uuid[], batches bigint[], places integer[], hashes bytea[])
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '300ms'
AS $$
DECLARE
    there record;
    wanted bigint;
    number bigint;
BEGIN
    -- One at a time, so that numbers have no gaps.
    LOCK TABLE control_plane.audit_prunings IN EXCLUSIVE MODE;
    SELECT * INTO there FROM control_plane.audit_begin_pruning(since, until, keep);
    IF at NOT BETWEEN now() AND clock_timestamp() OR rows <> there.n OR size > there.tree_size
       OR EXISTS (SELECT FROM control_plane.audit_logs l WHERE l.created_at >= since AND l.created_at < until AND l.recorded_at > at) THEN
        RAISE EXCEPTION 'what is to be recorded is not what is to be dropped' USING ERRCODE = 'AU002';
    END IF;
    wanted := (SELECT count(*)
                 FROM control_plane.audit_straddling(since, until) b
                CROSS JOIN LATERAL (SELECT FROM control_plane.audit_logs l
                      WHERE l.created_at >= since AND l.created_at < until AND l.created_at BETWEEN b.first_created AND b.last_created
                        AND l.stream_id = b.stream_id AND l.seq >= b.first_seq AND l.seq < b.first_seq + b.n) l);
    IF cardinality(hashes) <> wanted THEN
        RAISE EXCEPTION '% leaves have to be kept, and % are given', wanted, cardinality(hashes) USING ERRCODE = 'AU002';
    END IF;
    number := (SELECT coalesce(max(p.no) + 1, 0) FROM control_plane.audit_prunings p);
    INSERT INTO control_plane.audit_prunings
           (no, lower_bound, upper_bound, n, leaves, leaves_root, tree_size, root_hash, pruned_at, pruned_by, statement)
    VALUES (number, since, until, rows, wanted, kept_root, size, root, at, session_user, signed);
    INSERT INTO control_plane.audit_pruned_leaves (stream_id, batch_no, pruning_no, idx, leaf_hash)
    SELECT l.stream_id, l.batch_no, number, l.idx, l.leaf_hash
      FROM unnest(streams, batches, places, hashes) l(stream_id, batch_no, idx, leaf_hash);
    EXECUTE format('DROP TABLE control_plane.%I',
        (SELECT p.partition FROM control_plane.audit_partitions() p WHERE p.lower_bound = since AND p.upper_bound = until));
    RETURN number;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_prune(timestamptz, timestamptz, bigint, timestamptz, bigint, bigint, bytea, text, bytea,
    uuid[], bigint[], integer[], bytea[]) FROM PUBLIC;

-- It becomes one part of the function that makes all roles and grants, below.
ALTER FUNCTION control_plane.audit_grant_roles() RENAME TO audit_grant_before_retention;

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;

CREATE FUNCTION control_plane.audit_grant_retention() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    migrator name := current_user;
    owned regclass;
    called regprocedure;
    tables regclass[] := ARRAY[
        'control_plane.audit_settings', 'control_plane.audit_prunings', 'control_plane.audit_pruned_leaves']::regclass[];
    functions regprocedure[] := ARRAY[
        'control_plane.audit_check_interval(text, bigint)', 'control_plane.audit_set_partition_interval(text, bigint)',
        'control_plane.audit_straddling(timestamptz, timestamptz)',
        'control_plane.audit_stays(timestamptz, timestamptz, bigint)', 'control_plane.audit_retention(bigint)',
        'control_plane.audit_begin_pruning(timestamptz, timestamptz, bigint)',
        'control_plane.audit_prune(timestamptz, timestamptz, bigint, timestamptz, bigint, bigint, bytea, text, bytea, uuid[], bigint[], integer[], bytea[])',
        'control_plane.audit_grant_before_retention()', 'control_plane.audit_grant_retention()',
        'control_plane.audit_grant_roles()'
    ]::regprocedure[];
BEGIN
    -- Those made above belong to it already, and a member who does not inherit could not say so.
    FOREACH owned IN ARRAY tables LOOP
        IF (SELECT relowner <> to_regrole('audit_owner') FROM pg_class WHERE oid = owned) THEN
            EXECUTE format('ALTER TABLE %s OWNER TO audit_owner', owned);
        END IF;
    END LOOP;
    FOREACH called IN ARRAY functions LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO audit_owner', called);
    END LOOP;
    SET LOCAL ROLE audit_owner;
    REVOKE ALL ON control_plane.audit_settings, control_plane.audit_prunings, control_plane.audit_pruned_leaves FROM PUBLIC;
    -- Whoever prunes also reads, to keep leaves and to archive, and records: three roles, of which this is one.
    GRANT SELECT ON control_plane.audit_settings, control_plane.audit_prunings, control_plane.audit_pruned_leaves TO audit_reader;
    GRANT EXECUTE ON FUNCTION control_plane.audit_straddling(timestamptz, timestamptz) TO audit_reader;
    GRANT EXECUTE ON FUNCTION
        control_plane.audit_set_partition_interval(text, bigint), control_plane.audit_retention(bigint),
        control_plane.audit_begin_pruning(timestamptz, timestamptz, bigint),
        control_plane.audit_prune(timestamptz, timestamptz, bigint, timestamptz, bigint, bigint, bytea, text, bytea, uuid[], bigint[], integer[], bytea[])
        TO audit_admin;
    EXECUTE format('SET LOCAL ROLE %I', migrator);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_retention() FROM PUBLIC;

CREATE FUNCTION control_plane.audit_grant_roles() RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(control_plane.audit_grant_before_retention(), control_plane.audit_grant_retention())
$$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_roles() FROM PUBLIC;

-- Where the roles could not be made, audit_grant_roles() has said so already.
SELECT set_config('audit.migration_notes',
    CASE WHEN (SELECT relowner = to_regrole('audit_owner') FROM pg_class WHERE oid = 'control_plane.audit_logs'::regclass)
         THEN coalesce(control_plane.audit_grant_retention(), '') ELSE '' END, true);
