-- Weekly partitions, by UTC, made by whoever writes.

-- The partitions of the log with their bounds.
CREATE FUNCTION control_plane.audit_partitions()
    RETURNS TABLE (partition text, lower_bound timestamptz, upper_bound timestamptz)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO'
AS $$
    -- A bound reads FOR VALUES FROM ('…') TO ('…'): quotes cut it into five, and regular expressions are slower.
    SELECT c.relname::text, bound[2]::timestamptz, bound[4]::timestamptz
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid
     CROSS JOIN string_to_array(pg_get_expr(c.relpartbound, c.oid), '''') AS bound
     WHERE i.inhparent = to_regclass('control_plane.audit_logs') AND NOT i.inhdetachpending
       AND cardinality(bound) = 5
$$;
REVOKE ALL ON FUNCTION control_plane.audit_partitions() FROM PUBLIC;

-- Makes the partition that a row of this time needs, unless there is one, and gives back its bounds.
--
-- CREATE … PARTITION OF would block behind every open COPY and deadlock between writers; LIKE and ATTACH block
-- nobody. Each statement here sees what was committed before it, so that the second look, under the lock, sees the
-- partition that another session has just made. Bounds stop at existing neighbours.
CREATE FUNCTION control_plane.audit_ensure_partition(at timestamptz, OUT lower_bound timestamptz, OUT upper_bound timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
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

    SELECT greatest(date_trunc('week', at), max(p.upper_bound) FILTER (WHERE p.upper_bound <= at)),
           least(date_trunc('week', at) + interval '7 days', min(p.lower_bound) FILTER (WHERE p.lower_bound > at))
      INTO lower_bound, upper_bound
      FROM control_plane.audit_partitions() p;
    wanted := 'audit_logs_' || to_char(lower_bound, CASE WHEN lower_bound = date_trunc('day', lower_bound)
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
REVOKE ALL ON FUNCTION control_plane.audit_ensure_partition(timestamptz) FROM PUBLIC;

-- This week's and the next, so that a fresh log takes rows from anybody who may write.
DO $$ BEGIN
    PERFORM control_plane.audit_ensure_partition(now()), control_plane.audit_ensure_partition(now() + interval '7 days');
END $$;
