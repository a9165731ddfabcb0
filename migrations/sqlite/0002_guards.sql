-- Evidence is append-only for every program that opens the file. SQLite has no privileges, so whoever may write the file
-- may also drop these triggers: they stop mistakes, and the hashes show the rest.
--
-- INSERT OR REPLACE deletes the row that is in its way without firing DELETE triggers, so an INSERT that meets a key is
-- refused before it gets so far; in a table with rowids also one that names a rowid.

CREATE TRIGGER audit_logs_no_update BEFORE UPDATE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE on audit_logs is refused'); END;
CREATE TRIGGER audit_logs_no_delete BEFORE DELETE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_logs is refused'); END;
CREATE TRIGGER audit_logs_no_replace BEFORE INSERT ON audit_logs
WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM audit_logs WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a second row of the same key in audit_logs is refused'); END;

CREATE TRIGGER audit_batches_no_update BEFORE UPDATE ON audit_batches
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE on audit_batches is refused'); END;
CREATE TRIGGER audit_batches_no_delete BEFORE DELETE ON audit_batches
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_batches is refused'); END;
CREATE TRIGGER audit_batches_no_replace BEFORE INSERT ON audit_batches
WHEN EXISTS (SELECT 1 FROM audit_batches WHERE stream_id = NEW.stream_id AND batch_no = NEW.batch_no)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a second row of the same key in audit_batches is refused'); END;

CREATE TRIGGER audit_tree_no_update BEFORE UPDATE ON audit_tree
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE on audit_tree is refused'); END;
CREATE TRIGGER audit_tree_no_delete BEFORE DELETE ON audit_tree
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_tree is refused'); END;
CREATE TRIGGER audit_tree_no_replace BEFORE INSERT ON audit_tree
WHEN EXISTS (SELECT 1 FROM audit_tree WHERE leaf = NEW.leaf OR (stream_id = NEW.stream_id AND batch_no = NEW.batch_no))
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a second row of the same key in audit_tree is refused'); END;

CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE on audit_checkpoints is refused'); END;
CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_checkpoints is refused'); END;
CREATE TRIGGER audit_checkpoints_no_replace BEFORE INSERT ON audit_checkpoints
WHEN EXISTS (SELECT 1 FROM audit_checkpoints WHERE size = NEW.size)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a second row of the same key in audit_checkpoints is refused'); END;

CREATE TRIGGER audit_dead_letters_no_update BEFORE UPDATE ON audit_dead_letters
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE on audit_dead_letters is refused'); END;
CREATE TRIGGER audit_dead_letters_no_delete BEFORE DELETE ON audit_dead_letters
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_dead_letters is refused'); END;
CREATE TRIGGER audit_dead_letters_no_replace BEFORE INSERT ON audit_dead_letters
WHEN EXISTS (SELECT 1 FROM audit_dead_letters WHERE stream_id = NEW.stream_id AND batch_no = NEW.batch_no AND idx = NEW.idx)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a second row of the same key in audit_dead_letters is refused'); END;
