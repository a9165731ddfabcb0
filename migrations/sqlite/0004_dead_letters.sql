-- Dead letters can be sent again: one may go when its row is in the log, under its own number, and not before.

DROP TRIGGER audit_dead_letters_no_delete;
CREATE TRIGGER audit_dead_letters_no_delete BEFORE DELETE ON audit_dead_letters
WHEN NOT EXISTS (SELECT 1 FROM audit_logs
                  WHERE id = unhex(replace(json_extract(CAST(OLD.encoded AS TEXT), '$.id'), '-', ''))
                    AND stream_id = OLD.stream_id
                    AND seq = json_extract(CAST(OLD.encoded AS TEXT), '$.seq')
                    AND salt = unhex(json_extract(CAST(OLD.encoded AS TEXT), '$.salt')))
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE on audit_dead_letters is refused'); END;
