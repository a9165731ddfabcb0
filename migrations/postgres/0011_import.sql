-- Rows of an earlier log keep their times, for which partitions are made that no writer could ask for.

DO $$ BEGIN
    PERFORM set_config('audit.migrator', current_user, true);
    EXECUTE format('SET LOCAL ROLE %I', (SELECT pg_get_userbyid(relowner) FROM pg_class
                                          WHERE oid = 'control_plane.audit_logs'::regclass));
END $$;

-- Makes the partition that an imported row of this time needs, unless there is one, and gives back its bounds.
-- 0003_partitions.sql says why LIKE and ATTACH, and why there are two looks.
--
-- What is old gets a month, and what is very old a year: readers and the planner pay for each partition.
CREATE FUNCTION control_plane.audit_ensure_import_partition(at timestamptz, OUT lower_bound timestamptz, OUT upper_bound timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    old_until timestamptz := date_trunc('month', now()) - interval '1 month';
    very_old_until timestamptz := date_trunc('year', now()) - interval '3 years';
    step text;
    wanted text;
    name text;
BEGIN
    SELECT p.lower_bound, p.upper_bound INTO lower_bound, upper_bound
      FROM control_plane.audit_partitions() p WHERE p.lower_bound <= at AND at < p.upper_bound;
    IF FOUND THEN
        RETURN;
    END IF;
    IF at IS NULL OR NOT isfinite(at) OR at < timestamptz 'epoch' THEN
        RAISE EXCEPTION 'no partition is made for a row from before 1970' USING ERRCODE = 'AU001';
    END IF;
    IF at >= old_until THEN
        SELECT p.lower_bound, p.upper_bound INTO lower_bound, upper_bound FROM control_plane.audit_ensure_partition(at) p;
        RETURN;
    END IF;

    LOCK TABLE ONLY control_plane.audit_logs IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT p.lower_bound, p.upper_bound INTO lower_bound, upper_bound
      FROM control_plane.audit_partitions() p WHERE p.lower_bound <= at AND at < p.upper_bound;
    IF FOUND THEN
        RETURN;
    END IF;

    step := CASE WHEN at < very_old_until THEN 'year' ELSE 'month' END;
    SELECT greatest(date_trunc(step, at), max(p.upper_bound) FILTER (WHERE p.upper_bound <= at)),
           least(date_trunc(step, at) + ('1 ' || step)::interval, min(p.lower_bound) FILTER (WHERE p.lower_bound > at))
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
REVOKE ALL ON FUNCTION control_plane.audit_ensure_import_partition(timestamptz) FROM PUBLIC;

-- It becomes one part of the function that makes all roles and grants, below.
ALTER FUNCTION control_plane.audit_grant_roles() RENAME TO audit_grant_before_import;

DO $$ BEGIN EXECUTE format('SET LOCAL ROLE %I', current_setting('audit.migrator')); END $$;

CREATE FUNCTION control_plane.audit_grant_import() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    migrator name := current_user;
    called regprocedure;
    functions regprocedure[] := ARRAY[
        'control_plane.audit_ensure_import_partition(timestamptz)', 'control_plane.audit_grant_before_import()',
        'control_plane.audit_grant_import()', 'control_plane.audit_grant_roles()'
    ]::regprocedure[];
BEGIN
    FOREACH called IN ARRAY functions LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO audit_owner', called);
    END LOOP;
    SET LOCAL ROLE audit_owner;
    GRANT EXECUTE ON FUNCTION control_plane.audit_ensure_import_partition(timestamptz) TO audit_admin;
    EXECUTE format('SET LOCAL ROLE %I', migrator);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_import() FROM PUBLIC;

CREATE FUNCTION control_plane.audit_grant_roles() RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(control_plane.audit_grant_before_import(), control_plane.audit_grant_import())
$$;
REVOKE ALL ON FUNCTION control_plane.audit_grant_roles() FROM PUBLIC;

-- Where the roles could not be made, audit_grant_roles() has said so already.
SELECT set_config('audit.migration_notes',
    CASE WHEN (SELECT relowner = to_regrole('audit_owner') FROM pg_class WHERE oid = 'control_plane.audit_logs'::regclass)
         THEN coalesce(control_plane.audit_grant_import(), '') ELSE '' END, true);
