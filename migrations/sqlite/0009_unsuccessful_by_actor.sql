-- "What was this actor denied?" had to look at each row of the actor, most of which tell of a success. The rows that do not are
-- few: they cost little here, and lead straight to the answer.

CREATE INDEX idx_audit_logs_actor_unsuccessful ON audit_logs (actor_id, created_at DESC) WHERE outcome <> 'success';
