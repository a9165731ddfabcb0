-- The outbox alone, for an application whose log is in another database. The schema and the roles are replaced by those
-- that the database asks for.

CREATE TABLE control_plane.audit_outbox (
    id         uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    salt       bytea       NOT NULL,
    entry      jsonb       NOT NULL,
    CONSTRAINT audit_outbox_pkey PRIMARY KEY (id),
    CONSTRAINT audit_outbox_salt CHECK (octet_length(salt) = 16)
);
