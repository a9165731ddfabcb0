//! Rows that a partition holds which is not for their time: every hash is right, and whoever asks for their time is led to another.

use std::time::{Duration, SystemTime};

use audit_core::batch::{Batch, Freezer};
use audit_core::query::Query;
use audit_core::verify::Break;
use tests::samples;

use crate::log::Log;
use crate::sealed::{look, old_entry};

const WEEK: Duration = Duration::from_hours(7 * 24);

/// An entry of now, and one of two weeks ago, in partitions of their own.
async fn with_two_weeks(log: &Log) -> [Batch; 2] {
    let mut freezer = Freezer::new();
    let before = SystemTime::now() - 2 * WEEK;
    let batches = [freezer.freeze(vec![old_entry(2 * WEEK)], before), samples::batch(&mut freezer, 1)];
    for batch in &batches {
        log.land(batch).await;
    }
    assert!(look(log).await.is_intact());
    batches
}

/// Whoever owns the table can have it believed that nobody need look whether the rows fit.
#[tokio::test]
async fn a_row_in_the_partition_of_another_time_is_found() {
    let log = Log::postgres().await;
    let [old, new] = with_two_weeks(&log).await;
    let (old, new) = (&old.rows()[0].row, &new.rows()[0].row);
    let hide = format!(
        "DO $$ DECLARE
             there regclass := (SELECT tableoid::regclass FROM audit_logs WHERE id = '{}');
             bounds text := (SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = there);
             range text[] := string_to_array(bounds, chr(39));
         BEGIN
             EXECUTE format('ALTER TABLE audit_logs DETACH PARTITION %s', there);
             EXECUTE format('WITH moved AS (DELETE FROM audit_logs WHERE id = ''{}'' RETURNING *)
                             INSERT INTO %s SELECT * FROM moved', there);
             EXECUTE format('ALTER TABLE %s ADD CONSTRAINT fits CHECK (created_at IS NOT NULL AND created_at >= %L AND created_at < %L) NOT VALID',
                            there, range[2], range[4]);
             UPDATE pg_constraint SET convalidated = true WHERE conname = 'fits';
             EXECUTE format('ALTER TABLE audit_logs ATTACH PARTITION %s %s', there, bounds);
         END $$",
        old.id, new.id
    );
    log.tamper(&hide, "").await;
    let query = Query::new().since(new.created_at - Duration::from_hours(1));
    assert!(
        log.reader().await.page(&query).await.unwrap().rows.is_empty(),
        "it is hidden from whoever asks for its time"
    );
    assert_eq!(look(&log).await.breaks, [Break::Misplaced { id: new.id, created_at: new.created_at }]);
}

/// A partition for everything else is none that retention or anybody's bounds know.
#[tokio::test]
async fn a_row_in_a_partition_without_bounds_is_found() {
    let log = Log::postgres().await;
    let [old, _] = with_two_weeks(&log).await;
    let old = &old.rows()[0].row;
    let hide = format!(
        "DO $$ DECLARE there regclass := (SELECT tableoid::regclass FROM audit_logs WHERE id = '{}');
         BEGIN
             EXECUTE format('ALTER TABLE audit_logs DETACH PARTITION %s', there);
             EXECUTE format('ALTER TABLE audit_logs ATTACH PARTITION %s DEFAULT', there);
         END $$",
        old.id
    );
    log.tamper(&hide, "").await;
    assert_eq!(look(&log).await.breaks, [Break::Misplaced { id: old.id, created_at: old.created_at }]);
}

/// The key is of an id and its time, so that the database takes the second one.
#[tokio::test]
async fn one_id_in_two_partitions_is_found() {
    let log = Log::postgres().await;
    let [old, new] = with_two_weeks(&log).await;
    let (old, new) = (&old.rows()[0].row, &new.rows()[0].row);
    let copy = format!(
        "CREATE TABLE forged AS SELECT * FROM audit_logs WHERE id = '{}';
         UPDATE forged SET created_at = '{}'; INSERT INTO audit_logs SELECT * FROM forged; DROP TABLE forged",
        new.id, old.created_at
    );
    log.tamper(&copy, "").await;
    let breaks = look(&log).await.breaks;
    assert!(matches!(breaks[..], [Break::UnknownRow { id, .. }] if id == new.id), "{breaks:?}");
    let rename = format!(
        "DELETE FROM audit_logs WHERE id = '{new}' AND created_at = '{time}'; UPDATE audit_logs SET id = '{new}' WHERE id = '{old}'",
        new = new.id,
        time = old.created_at,
        old = old.id
    );
    log.tamper(&rename, "").await;
    let breaks = look(&log).await.breaks;
    assert!(matches!(breaks[..], [Break::AlteredRows { batch_no: 0, .. }]), "{breaks:?}");
}
