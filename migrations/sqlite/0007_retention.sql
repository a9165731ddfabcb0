-- Retention: the rows of whole days go once they are older than a limit, and the log says so for ever.

-- What was pruned: the rows created from the lower bound on and before the upper one, that were in the log by then. The record
-- comes first: it is what allows the rows to go.
CREATE TABLE audit_prunings (
    no          INTEGER NOT NULL,
    lower_bound INTEGER NOT NULL,
    upper_bound INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    leaves      INTEGER NOT NULL,
    leaves_root BLOB    NOT NULL,
    tree_size   INTEGER NOT NULL,
    root_hash   BLOB    NOT NULL,
    pruned_at   INTEGER NOT NULL,
    pruned_by   TEXT    NOT NULL,
    statement   TEXT,
    PRIMARY KEY (no),
    CONSTRAINT audit_prunings_bounds CHECK (lower_bound < upper_bound AND upper_bound <= pruned_at),
    CONSTRAINT audit_prunings_counts CHECK (no >= 0 AND n >= 0 AND leaves >= 0 AND tree_size >= 0),
    CONSTRAINT audit_prunings_hashes CHECK (length(leaves_root) = 32 AND length(root_hash) = 32)
) STRICT, WITHOUT ROWID;

-- Leaves of pruned rows whose batches have other rows that are still there.
CREATE TABLE audit_pruned_leaves (
    stream_id  BLOB    NOT NULL,
    batch_no   INTEGER NOT NULL,
    pruning_no INTEGER NOT NULL,
    idx        INTEGER NOT NULL,
    leaf_hash  BLOB    NOT NULL,
    PRIMARY KEY (stream_id, batch_no, idx),
    CONSTRAINT audit_pruned_leaves_leaf CHECK (length(stream_id) = 16 AND idx >= 0 AND length(leaf_hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_prunings_no_update BEFORE UPDATE ON audit_prunings
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE on audit_prunings is refused'); END;
CREATE TRIGGER audit_prunings_no_delete BEFORE DELETE ON audit_prunings
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_prunings is refused'); END;
CREATE TRIGGER audit_prunings_no_replace BEFORE INSERT ON audit_prunings
WHEN EXISTS (SELECT 1 FROM audit_prunings WHERE no = NEW.no)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a second row of the same key in audit_prunings is refused'); END;
CREATE TRIGGER audit_prunings_only_of_the_past BEFORE INSERT ON audit_prunings
WHEN NEW.pruned_at > CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: rows of the future cannot be pruned'); END;
-- In each stream what is sealed is its beginning, without a gap, so that its last row tells of all.
CREATE TRIGGER audit_prunings_only_of_sealed_rows BEFORE INSERT ON audit_prunings
WHEN EXISTS (
    SELECT 1 FROM (SELECT stream_id, max(seq) AS last FROM audit_logs
                    WHERE created_at >= NEW.lower_bound AND created_at < NEW.upper_bound GROUP BY stream_id) r
     WHERE r.last >= coalesce((SELECT b.first_seq + b.n FROM audit_tree t
                                 JOIN audit_batches b ON b.stream_id = t.stream_id AND b.batch_no = t.batch_no
                                WHERE t.stream_id = r.stream_id ORDER BY t.batch_no DESC LIMIT 1), 0))
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: rows that are not sealed cannot be pruned'); END;
CREATE TRIGGER audit_prunings_only_of_rows_not_held BEFORE INSERT ON audit_prunings
WHEN EXISTS (
    SELECT 1 FROM audit_holds h
     WHERE NOT EXISTS (SELECT 1 FROM audit_hold_releases r WHERE r.hold_id = h.id)
       AND (h.since IS NULL OR h.since < NEW.upper_bound) AND (h.until IS NULL OR h.until > NEW.lower_bound)
       AND (h.actor_id IS NULL AND h.target_id IS NULL
            OR EXISTS (SELECT 1 FROM audit_logs l
                        WHERE l.created_at >= max(NEW.lower_bound, coalesce(h.since, NEW.lower_bound))
                          AND l.created_at < min(NEW.upper_bound, coalesce(h.until, NEW.upper_bound))
                          AND (h.actor_id IS NULL OR l.actor_id = h.actor_id)
                          AND (h.target_id IS NULL OR l.target_id = h.target_id))))
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: rows under legal hold cannot be pruned'); END;

CREATE TRIGGER audit_pruned_leaves_no_update BEFORE UPDATE ON audit_pruned_leaves
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE on audit_pruned_leaves is refused'); END;
CREATE TRIGGER audit_pruned_leaves_no_delete BEFORE DELETE ON audit_pruned_leaves
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_pruned_leaves is refused'); END;
CREATE TRIGGER audit_pruned_leaves_no_replace BEFORE INSERT ON audit_pruned_leaves
WHEN EXISTS (SELECT 1 FROM audit_pruned_leaves WHERE stream_id = NEW.stream_id AND batch_no = NEW.batch_no AND idx = NEW.idx)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a second row of the same key in audit_pruned_leaves is refused'); END;

DROP TRIGGER audit_logs_no_delete;
CREATE TRIGGER audit_logs_no_delete BEFORE DELETE ON audit_logs
WHEN NOT EXISTS (SELECT 1 FROM audit_prunings
                  WHERE lower_bound <= OLD.created_at AND OLD.created_at < upper_bound AND OLD.recorded_at <= pruned_at)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_logs is refused'); END;
