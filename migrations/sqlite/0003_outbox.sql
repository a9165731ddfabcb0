-- Claims of outbox rows by the writer of a log in another database. Also run where the outbox stands alone.

ALTER TABLE audit_outbox ADD COLUMN claimed_at INTEGER;
ALTER TABLE audit_outbox ADD COLUMN stream_id BLOB;
ALTER TABLE audit_outbox ADD COLUMN batch_no INTEGER;
ALTER TABLE audit_outbox ADD COLUMN idx INTEGER;
ALTER TABLE audit_outbox ADD COLUMN header TEXT;

-- Two claims of one number cannot both stand.
CREATE UNIQUE INDEX audit_outbox_claims ON audit_outbox (stream_id, batch_no, idx) WHERE stream_id IS NOT NULL;
