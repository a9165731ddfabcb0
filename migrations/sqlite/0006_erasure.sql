-- Erasure: personal values of a row can go, and what stands in `redacted` in their place keeps its leaf provable.

-- Legal holds: what they cover is neither erased nor pruned. Each is one row, and its release another.
CREATE TABLE audit_holds (
    id        BLOB    NOT NULL,
    added_at  INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    since     INTEGER,
    until     INTEGER,
    actor_id  TEXT,
    target_id TEXT,
    reason    TEXT    NOT NULL,
    added_by  TEXT    NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT audit_holds_scope CHECK (coalesce(since, until, actor_id, target_id) IS NOT NULL AND since < until)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit_hold_releases (
    hold_id     BLOB    NOT NULL,
    released_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    reason      TEXT    NOT NULL,
    released_by TEXT    NOT NULL,
    PRIMARY KEY (hold_id),
    CONSTRAINT audit_hold_releases_hold FOREIGN KEY (hold_id) REFERENCES audit_holds (id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_holds_no_update BEFORE UPDATE ON audit_holds
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE on audit_holds is refused'); END;
CREATE TRIGGER audit_holds_no_delete BEFORE DELETE ON audit_holds
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_holds is refused'); END;
CREATE TRIGGER audit_holds_no_replace BEFORE INSERT ON audit_holds
WHEN EXISTS (SELECT 1 FROM audit_holds WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a second row of the same key in audit_holds is refused'); END;
CREATE TRIGGER audit_hold_releases_no_update BEFORE UPDATE ON audit_hold_releases
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE on audit_hold_releases is refused'); END;
CREATE TRIGGER audit_hold_releases_no_delete BEFORE DELETE ON audit_hold_releases
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_hold_releases is refused'); END;
CREATE TRIGGER audit_hold_releases_no_replace BEFORE INSERT ON audit_hold_releases
WHEN EXISTS (SELECT 1 FROM audit_hold_releases WHERE hold_id = NEW.hold_id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a second row of the same key in audit_hold_releases is refused'); END;

-- The row whose values are being erased, from the beginning of that transaction to its end. It is empty otherwise.
CREATE TABLE audit_erasing (
    id BLOB NOT NULL,
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

-- A row may change in one way alone: personal values go, with the salt, and their commitments come. What was erased before
-- stays so, and a salt goes only where a commitment comes.
DROP TRIGGER audit_logs_no_update;
CREATE TRIGGER audit_logs_no_update BEFORE UPDATE ON audit_logs
WHEN NOT coalesce(
    EXISTS (SELECT 1 FROM audit_erasing WHERE id = OLD.id)
    AND NEW.rowid = OLD.rowid AND NEW.id = OLD.id AND NEW.actor_type = OLD.actor_type AND NEW.action = OLD.action
    AND NEW.target_type = OLD.target_type AND NEW.created_at = OLD.created_at AND NEW.outcome = OLD.outcome
    AND NEW.duration_us IS OLD.duration_us AND NEW.attempt_id IS OLD.attempt_id AND NEW.request_id IS OLD.request_id
    AND NEW.trace_id IS OLD.trace_id AND NEW.span_id IS OLD.span_id AND NEW.tenant_id IS OLD.tenant_id
    AND NEW.origin IS OLD.origin AND NEW.recorded_at = OLD.recorded_at AND NEW.stream_id = OLD.stream_id AND NEW.seq = OLD.seq
    AND (NEW.actor_id IS NULL OR NEW.actor_id IS OLD.actor_id) AND (NEW.target_id IS NULL OR NEW.target_id IS OLD.target_id)
    AND (NEW.on_behalf_of IS NULL OR NEW.on_behalf_of IS OLD.on_behalf_of)
    AND (NEW.ip_address IS NULL OR NEW.ip_address IS OLD.ip_address)
    AND (NEW.user_agent IS NULL OR NEW.user_agent IS OLD.user_agent) AND (NEW.error IS NULL OR NEW.error IS OLD.error)
    AND NOT EXISTS (SELECT key, type, value FROM json_each(NEW.metadata) EXCEPT SELECT key, type, value FROM json_each(OLD.metadata))
    AND NEW.salt IS NULL
    AND json_type(NEW.redacted, '$.erased') = 'object' AND json_type(NEW.redacted, '$.salts') = 'object'
    AND NOT EXISTS (SELECT key, value FROM json_each(coalesce(OLD.redacted, '{}'), '$.erased')
                    EXCEPT SELECT key, value FROM json_each(NEW.redacted, '$.erased'))
    AND (OLD.redacted IS NULL
         OR NOT EXISTS (SELECT key, value FROM json_each(NEW.redacted, '$.salts')
                        EXCEPT SELECT key, value FROM json_each(OLD.redacted, '$.salts'))
            AND NOT EXISTS (SELECT key FROM json_each(OLD.redacted, '$.salts')
                            EXCEPT SELECT key FROM json_each(NEW.redacted, '$.salts')
                            EXCEPT SELECT key FROM json_each(NEW.redacted, '$.erased'))),
    0)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE on audit_logs is refused'); END;
