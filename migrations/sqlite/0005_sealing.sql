-- Sealing: headers become leaves of one tree, and signed checkpoints state how large it is.

-- The roots of the tree's complete subtrees, largest first: what a sealer needs to go on.
ALTER TABLE audit_checkpoints ADD COLUMN frontier BLOB CONSTRAINT audit_checkpoints_frontier CHECK (length(frontier) % 32 = 0);

-- Headers that are not in the tree yet. No evidence: whoever takes one out only keeps it from being sealed, which
-- verifying tells.
CREATE TABLE audit_unsealed (
    stream_id BLOB    NOT NULL,
    batch_no  INTEGER NOT NULL,
    PRIMARY KEY (stream_id, batch_no)
) STRICT, WITHOUT ROWID;

INSERT INTO audit_unsealed SELECT stream_id, batch_no FROM audit_batches;

CREATE TRIGGER audit_batches_unsealed AFTER INSERT ON audit_batches
BEGIN INSERT OR IGNORE INTO audit_unsealed (stream_id, batch_no) VALUES (NEW.stream_id, NEW.batch_no); END;
