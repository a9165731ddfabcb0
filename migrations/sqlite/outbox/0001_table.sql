-- The outbox alone, for an application whose log is in another database.

CREATE TABLE audit_outbox (
    id         BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    salt       BLOB    NOT NULL,
    entry      TEXT    NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT audit_outbox_salt CHECK (length(id) = 16 AND length(salt) = 16)
) STRICT, WITHOUT ROWID;
