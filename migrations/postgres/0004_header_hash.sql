-- What a writer that may not read has to know about a batch that is there already: whether it is its own.
--
-- The hash of a header is SHA-256 over the fields in order, each after its length in 4 bytes, big-endian; NULL is the length 0xFFFFFFFF alone.
-- Integers are 8 bytes (n: 4), big-endian; times are whole microseconds since 1970.

CREATE FUNCTION control_plane.audit_encode_field(field bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(int4send(octet_length(field)) || field, '\xffffffff') $$;
REVOKE ALL ON FUNCTION control_plane.audit_encode_field(bytea) FROM PUBLIC;

CREATE FUNCTION control_plane.audit_encode_time(at timestamptz) RETURNS bytea
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT control_plane.audit_encode_field(int8send((extract(epoch FROM at) * 1000000)::bigint)) $$;
REVOKE ALL ON FUNCTION control_plane.audit_encode_time(timestamptz) FROM PUBLIC;

CREATE FUNCTION control_plane.audit_header_hash(of_stream uuid, of_batch bigint) RETURNS bytea
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(
           control_plane.audit_encode_field('audit-header-v1')
        || control_plane.audit_encode_field(uuid_send(stream_id))
        || control_plane.audit_encode_field(int8send(batch_no))
        || control_plane.audit_encode_field(convert_to(kind, 'UTF8'))
        || control_plane.audit_encode_field(int8send(first_seq))
        || control_plane.audit_encode_field(int4send(n))
        || control_plane.audit_encode_time(first_created)
        || control_plane.audit_encode_time(last_created)
        || control_plane.audit_encode_field(rows_root)
        || control_plane.audit_encode_field(prev_hash)
        || control_plane.audit_encode_time(writer_time)
        || control_plane.audit_encode_field(convert_to(key_id, 'UTF8')))
      FROM control_plane.audit_batches
     WHERE stream_id = of_stream AND batch_no = of_batch
$$;
REVOKE ALL ON FUNCTION control_plane.audit_header_hash(uuid, bigint) FROM PUBLIC;

-- How many rows of a batch were refused, for the accounts of a writer that meets its own header.
CREATE FUNCTION control_plane.audit_dead_letter_count(of_stream uuid, of_batch bigint) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT count(*) FROM control_plane.audit_dead_letters WHERE stream_id = of_stream AND batch_no = of_batch $$;
REVOKE ALL ON FUNCTION control_plane.audit_dead_letter_count(uuid, bigint) FROM PUBLIC;
