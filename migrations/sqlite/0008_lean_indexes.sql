-- The indexes by (actor_id, created_at) and (target_id, created_at) answer all that those by actor_id and by target_id alone
-- did; these lead now to the entries that have no actor, or no target's id.

DROP INDEX idx_audit_logs_actor_id;
DROP INDEX idx_audit_logs_target_id;
CREATE INDEX idx_audit_logs_actor_id ON audit_logs (created_at DESC) WHERE actor_id IS NULL;
CREATE INDEX idx_audit_logs_target_id ON audit_logs (created_at DESC) WHERE target_id IS NULL;
