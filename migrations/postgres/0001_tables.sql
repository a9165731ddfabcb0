-- The tables of the log.
--
-- `control_plane` stands for the schema and `audit_owner`, `audit_writer`, `audit_drainer`, `audit_sealer`,
-- `audit_reader`, `audit_admin` for the roles; both are replaced when a database asks for other names.
-- Whatever a migration has to tell people goes, a line each, into the setting `audit.migration_notes`.

DO $$
BEGIN
    IF current_setting('server_version_num')::integer < 150000 THEN
        RAISE EXCEPTION 'this server is PostgreSQL %, and the log needs 15 or later', current_setting('server_version')
            USING ERRCODE = 'feature_not_supported';
    END IF;
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database is encoded in %, and the log needs UTF8', current_setting('server_encoding')
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'create a database with: CREATE DATABASE … ENCODING ''UTF8'' TEMPLATE template0';
    END IF;
END $$;

-- An earlier system kept a plain audit_logs here: it moves out of the way with its indexes, whose names ours need.
DO $$
DECLARE
    legacy regclass;
    relation record;
BEGIN
    SELECT oid::regclass INTO legacy
      FROM pg_class
     WHERE relnamespace = to_regnamespace('control_plane') AND relname = 'audit_logs';
    IF legacy IS NULL THEN
        RETURN;
    END IF;
    FOR relation IN
        SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = legacy
    LOOP
        EXECUTE format('ALTER INDEX control_plane.%I RENAME TO %I', relation.relname, left(relation.relname, 56) || '_legacy');
    END LOOP;
    EXECUTE format('ALTER TABLE %s RENAME TO audit_logs_legacy', legacy);
    PERFORM set_config('audit.migration_notes',
        'found a table audit_logs of an earlier system: it is now called audit_logs_legacy, and its indexes end in _legacy', true);
END $$;

-- Fixed-width columns come first: padding between them would cost gigabytes.
CREATE TABLE control_plane.audit_logs (
    id            uuid        NOT NULL,
    created_at    timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    stream_id     uuid        NOT NULL,
    seq           bigint      NOT NULL,
    duration_us   bigint,
    attempt_id    uuid,
    actor_type    text        NOT NULL,
    outcome       text        NOT NULL,
    actor_id      text,
    action        text        NOT NULL,
    target_type   text        NOT NULL,
    target_id     text,
    metadata      jsonb       NOT NULL,
    ip_address    inet,
    user_agent    text,
    error         text,
    request_id    text,
    trace_id      text,
    span_id       text,
    tenant_id     text,
    on_behalf_of  text,
    origin        text,
    salt          bytea,
    redacted      jsonb,
    CONSTRAINT audit_logs_pkey PRIMARY KEY (id, created_at),
    CONSTRAINT audit_logs_actor_type CHECK (actor_type IN ('user', 'system', 'api_key')),
    CONSTRAINT audit_logs_outcome
        CHECK (outcome IN ('success', 'failure', 'denied', 'cancelled', 'panicked', 'attempted')),
    CONSTRAINT audit_logs_salt CHECK (octet_length(salt) = 16)
) PARTITION BY RANGE (created_at);

CREATE INDEX idx_audit_logs_actor_id ON control_plane.audit_logs (actor_id);
CREATE INDEX idx_audit_logs_target_id ON control_plane.audit_logs (target_id);
CREATE INDEX idx_audit_logs_created_at ON control_plane.audit_logs (created_at DESC);
CREATE INDEX idx_audit_logs_actor_created ON control_plane.audit_logs (actor_id, created_at DESC);
CREATE INDEX idx_audit_logs_target_created ON control_plane.audit_logs (target_id, created_at DESC);
CREATE INDEX idx_audit_logs_action ON control_plane.audit_logs (action, created_at DESC);
CREATE INDEX idx_audit_logs_request_id ON control_plane.audit_logs (request_id) WHERE request_id IS NOT NULL;

COMMENT ON TABLE control_plane.audit_logs IS 'Who did what, to which thing, when, from where, and how it ended';
COMMENT ON COLUMN control_plane.audit_logs.created_at IS 'When the outcome was fixed, by the clock of the program';
COMMENT ON COLUMN control_plane.audit_logs.recorded_at IS 'When the database took the row, by its own clock; equals db_time of the batch';
COMMENT ON COLUMN control_plane.audit_logs.on_behalf_of IS 'The account that the actor impersonated';
COMMENT ON COLUMN control_plane.audit_logs.origin IS 'Where the row comes from when it was no live call';
COMMENT ON COLUMN control_plane.audit_logs.salt IS '16 random bytes from which the commitments'' salts derive; NULL once a field is erased';
COMMENT ON COLUMN control_plane.audit_logs.redacted IS 'Of erased fields, the commitments that keep the row provable';

-- Headers, version 1. They are never dropped with partitions.
CREATE TABLE control_plane.audit_batches (
    stream_id     uuid        NOT NULL,
    batch_no      bigint      NOT NULL,
    first_seq     bigint      NOT NULL,
    first_created timestamptz NOT NULL,
    last_created  timestamptz NOT NULL,
    writer_time   timestamptz NOT NULL,
    db_time       timestamptz NOT NULL DEFAULT now(),
    xid           xid8        NOT NULL DEFAULT pg_current_xact_id(),
    n             integer     NOT NULL,
    kind          text        NOT NULL,
    rows_root     bytea       NOT NULL,
    prev_hash     bytea       NOT NULL,
    key_id        text,
    sig           bytea,
    CONSTRAINT audit_batches_pkey PRIMARY KEY (stream_id, batch_no),
    CONSTRAINT audit_batches_kind
        CHECK (kind IN ('entries', 'outbox', 'import', 'open', 'close', 'heartbeat', 'lost')),
    CONSTRAINT audit_batches_counts CHECK (batch_no >= 0 AND first_seq >= 0 AND n >= 0),
    CONSTRAINT audit_batches_hashes CHECK (octet_length(rows_root) = 32 AND octet_length(prev_hash) = 32)
);
CREATE INDEX idx_audit_batches_xid ON control_plane.audit_batches (xid);

-- Leaves of the Merkle tree over all headers, dense from 0.
CREATE TABLE control_plane.audit_tree (
    leaf      bigint NOT NULL,
    batch_no  bigint NOT NULL,
    stream_id uuid   NOT NULL,
    leaf_hash bytea  NOT NULL,
    CONSTRAINT audit_tree_pkey PRIMARY KEY (leaf),
    CONSTRAINT audit_tree_batch UNIQUE (stream_id, batch_no),
    CONSTRAINT audit_tree_leaf CHECK (leaf >= 0 AND octet_length(leaf_hash) = 32)
);

-- Signed statements of the tree's size and root (C2SP tlog-checkpoint). Everything below the watermark is in the tree.
CREATE TABLE control_plane.audit_checkpoints (
    size      bigint      NOT NULL,
    db_time   timestamptz NOT NULL DEFAULT now(),
    watermark xid8        NOT NULL,
    root_hash bytea       NOT NULL,
    note      text        NOT NULL,
    CONSTRAINT audit_checkpoints_pkey PRIMARY KEY (size),
    CONSTRAINT audit_checkpoints_root CHECK (size >= 0 AND octet_length(root_hash) = 32)
);

-- Entries that commit with the caller's own transaction, on their way to the log.
CREATE TABLE control_plane.audit_outbox (
    id         uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    salt       bytea       NOT NULL,
    entry      jsonb       NOT NULL,
    CONSTRAINT audit_outbox_pkey PRIMARY KEY (id),
    CONSTRAINT audit_outbox_salt CHECK (octet_length(salt) = 16)
);

-- Rows that audit_logs refused, under the header that counts them. Nothing ever expires here.
CREATE TABLE control_plane.audit_dead_letters (
    stream_id uuid        NOT NULL,
    batch_no  bigint      NOT NULL,
    db_time   timestamptz NOT NULL DEFAULT now(),
    idx       integer     NOT NULL,
    leaf_hash bytea       NOT NULL,
    encoded   bytea       NOT NULL,
    CONSTRAINT audit_dead_letters_pkey PRIMARY KEY (stream_id, batch_no, idx),
    CONSTRAINT audit_dead_letters_leaf CHECK (idx >= 0 AND octet_length(leaf_hash) = 32)
);
