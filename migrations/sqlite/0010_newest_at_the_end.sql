-- What is new stands at the end of an index, or of its group there, whose pages fill better than at the beginning. Either way an
-- index is read from both ends.

DROP INDEX IF EXISTS idx_audit_logs_created_at;
DROP INDEX IF EXISTS idx_audit_logs_actor_created;
DROP INDEX IF EXISTS idx_audit_logs_target_created;
DROP INDEX IF EXISTS idx_audit_logs_action;
DROP INDEX IF EXISTS idx_audit_logs_actor_id;
DROP INDEX IF EXISTS idx_audit_logs_target_id;
DROP INDEX IF EXISTS idx_audit_logs_actor_unsuccessful;
CREATE INDEX idx_audit_logs_created_at ON audit_logs (created_at);
CREATE INDEX idx_audit_logs_actor_created ON audit_logs (actor_id, created_at);
CREATE INDEX idx_audit_logs_target_created ON audit_logs (target_id, created_at);
CREATE INDEX idx_audit_logs_action ON audit_logs (action, created_at);
CREATE INDEX idx_audit_logs_actor_id ON audit_logs (created_at) WHERE actor_id IS NULL;
CREATE INDEX idx_audit_logs_target_id ON audit_logs (created_at) WHERE target_id IS NULL;
CREATE INDEX idx_audit_logs_actor_unsuccessful ON audit_logs (actor_id, created_at) WHERE outcome <> 'success';
