-- The partition interval `auto`: partitions to come hold an hour, a day or a week, by how many rows come in a day. Storing a row costs
-- as much as the indexes of its partition are large, and reading costs as much as there are partitions.
--
-- Hours make up days, and days weeks. A week that begins where days end is shorter, and so no two overlap.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_logs'::regclass));
END $$;

ALTER TABLE control_plane.audit_settings
    ADD COLUMN narrowest text NOT NULL DEFAULT 'week',
    ADD CONSTRAINT audit_settings_narrowest CHECK (narrowest IN ('hour', 'day', 'week', 'month')),
    DROP CONSTRAINT audit_settings_interval,
    ADD CONSTRAINT audit_settings_interval CHECK (partition_interval IN ('hour', 'day', 'week', 'month', 'auto'));
COMMENT ON COLUMN control_plane.audit_settings.narrowest IS
    'The shortest interval that auto may choose: what is kept is sixty of them at most';

-- How many rows the busiest of the last seven days brought, as far as is known without counting: a partition that holds more than
-- a day counts as if its rows had come evenly, up to now.
CREATE FUNCTION control_plane.audit_busiest_day() RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
    WITH seen AS MATERIALIZED (
        SELECT p.lower_bound, least(p.upper_bound, now()) AS upto,
               -- What was counted last, by VACUUM or ANALYZE, or since the statistics were begun.
               greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0) AS n
          FROM control_plane.audit_partitions() p
          JOIN pg_class c ON c.relnamespace = to_regnamespace('control_plane') AND c.relname = p.partition
         WHERE p.lower_bound < now() AND p.upper_bound > now() - interval '7 days'
    )
    SELECT coalesce(max(day.n), 0)::bigint
      FROM (SELECT sum(s.n * extract(epoch FROM least(s.upto, d.upto) - greatest(s.lower_bound, d.since))
                           / extract(epoch FROM s.upto - s.lower_bound)) AS n
              FROM seen s
              JOIN (SELECT now() - day * interval '1 day' AS since, now() - (day - 1) * interval '1 day' AS upto
                      FROM generate_series(1, 7) day) d ON s.lower_bound < d.upto AND s.upto > d.since
             GROUP BY d.since) day
$$;
REVOKE ALL ON FUNCTION control_plane.audit_busiest_day() FROM PUBLIC;

-- What one partition to come holds. `auto` takes a week if seven days like the busiest are five million rows at most, a day if
-- that day is, and an hour otherwise, but nothing shorter than the narrowest.
CREATE FUNCTION control_plane.audit_partition_step() RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step text;
    narrowest text;
    steps text[] := ARRAY['hour', 'day', 'week', 'month'];
    busiest bigint;
BEGIN
    SELECT s.partition_interval, s.narrowest INTO STRICT step, narrowest FROM control_plane.audit_settings s;
    IF step <> 'auto' THEN
        RETURN step;
    END IF;
    busiest := control_plane.audit_busiest_day();
    step := CASE WHEN busiest * 7 <= 5000000 THEN 'week' WHEN busiest <= 5000000 THEN 'day' ELSE 'hour' END;
    RETURN steps[greatest(array_position(steps, step), array_position(steps, narrowest))];
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_partition_step() FROM PUBLIC;

-- As in 0010_retention.sql, but for `auto`, which counts as the shortest interval that it may choose.
CREATE OR REPLACE FUNCTION control_plane.audit_check_interval(step text, keep bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_auto boolean := step = 'auto';
    counted text := CASE WHEN is_auto THEN (SELECT s.narrowest FROM control_plane.audit_settings s) ELSE step END;
    steps text[] := ARRAY['hour', 'day', 'week', 'month'];
    lengths bigint[] := ARRAY[3600, 86400, 604800, 2592000];
    length bigint := lengths[array_position(steps, counted)];
    partitions bigint := ceil(keep::numeric / length);
    wider text;
BEGIN
    IF length IS NULL THEN
        RAISE EXCEPTION 'there is no partition interval of this name: use hour, day, week, month or auto' USING ERRCODE = 'AU002';
    END IF;
    IF keep IS NULL OR keep < 3600 THEN
        RAISE EXCEPTION 'less than an hour is no time to keep a log' USING ERRCODE = 'AU002';
    END IF;
    IF partitions > 60 THEN
        wider := (SELECT string_agg(s.step, ' or ' ORDER BY s.length) FROM unnest(steps, lengths) s(step, length)
                   WHERE ceil(keep::numeric / s.length) <= 60);
        IF is_auto AND wider IS NOT NULL THEN
            wider := 'auto, which was set for less, again';
        END IF;
        RAISE EXCEPTION '% / 1 % = % partitions, more than 60: %keep at most %',
            CASE WHEN keep % 86400 = 0 THEN keep / 86400 || ' days' ELSE round(keep / 3600.0, 1) || ' hours' END,
            counted, partitions, coalesce('use ' || wider || ', or ', ''),
            CASE counted WHEN 'hour' THEN '60h' ELSE 60 * length / 86400 || 'd' END
            USING ERRCODE = 'AU002';
    END IF;
END $$;

-- Partitions that are there stay as they are. `auto` may choose what `keep` is sixty of at most.
CREATE OR REPLACE FUNCTION control_plane.audit_set_partition_interval(step text, keep bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shortest text := (SELECT s.step FROM unnest(ARRAY['hour', 'day', 'week'], ARRAY[3600, 86400, 604800]) s(step, length)
                       WHERE keep <= 60 * s.length::bigint ORDER BY s.length LIMIT 1);
BEGIN
    IF step = 'auto' THEN
        UPDATE control_plane.audit_settings SET narrowest = coalesce(shortest, 'month');
    END IF;
    PERFORM control_plane.audit_check_interval(step, keep);
    UPDATE control_plane.audit_settings SET partition_interval = step;
END $$;

-- As in 0010_retention.sql, but that the interval may follow the rate.
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

    step := control_plane.audit_partition_step();
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

-- It becomes one part of the function that makes all roles and grants, below.
ALTER FUNCTION control_plane.audit_grant_roles() RENAME TO audit_grant_before_auto_interval;

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;

CREATE FUNCTION control_plane.audit_grant_auto_interval() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    migrator name := current_user;
    called regprocedure;
    functions regprocedure[] := ARRAY[
        'control_plane.audit_busiest_day()', 'control_plane.audit_partition_step()',
        'control_plane.audit_grant_before_auto_interval()', 'control_plane.audit_grant_auto_interval()',
        'control_plane.audit_grant_roles()'
    ]::regprocedure[];
BEGIN
    FOREACH called IN ARRAY functions LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO audit_owner', called);
    END LOOP;
    SET LOCAL ROLE audit_owner;
    GRANT EXECUTE ON FUNCTION control_plane.audit_busiest_day(), control_plane.audit_partition_step() TO audit_reader;
    EXECUTE format('SET LOCAL ROLE %I', migrator);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_auto_interval() FROM PUBLIC;

CREATE FUNCTION control_plane.audit_grant_roles() RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(control_plane.audit_grant_before_auto_interval(), control_plane.audit_grant_auto_interval())
$$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_roles() FROM PUBLIC;

-- Where the roles could not be made, audit_grant_roles() has said so already.
SELECT set_config('audit.migration_notes',
    CASE WHEN (SELECT relowner = to_regrole('audit_owner') FROM pg_class WHERE oid = 'control_plane.audit_logs'::regclass)
         THEN coalesce(control_plane.audit_grant_auto_interval(), '') ELSE '' END, true);
