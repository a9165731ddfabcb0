//! Pruning in SQLite: the rows of a day go in one transaction with the record, which is what allows them to.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::place::{Begun, Bounds, KeptLeaf, PAGE, Place, StoredCheckpoint, Straddling};
use super::pruning::StoredPruning;
use super::{Partition, PartitionInterval, Stays};
use crate::batch::Hash;
use crate::query::sql;
use crate::query::sqlite::time;
use crate::store::sqlite::{Access, File, close, store_error};
use crate::store::{BoxFuture, Columns as _, ErrorClass, StoreError};

const DAY_US: i64 = 86_400_000_000;
/// By SQLite's clock, which counts milliseconds.
const NOW: &str = "SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000";
/// In each stream what is sealed is its beginning, without a gap, so that its last row tells of all.
const IS_UNSEALED: &str = "SELECT EXISTS (
     SELECT 1 FROM (SELECT stream_id, max(seq) AS last FROM audit_logs WHERE created_at >= ? AND created_at < ? GROUP BY stream_id) r
      WHERE r.last >= coalesce((SELECT b.first_seq + b.n FROM audit_tree t
                                  JOIN audit_batches b ON b.stream_id = t.stream_id AND b.batch_no = t.batch_no
                                 WHERE t.stream_id = r.stream_id ORDER BY t.batch_no DESC LIMIT 1), 0))";
const IS_HELD: &str = "SELECT EXISTS (
     SELECT 1 FROM audit_holds h
      WHERE NOT EXISTS (SELECT 1 FROM audit_hold_releases r WHERE r.hold_id = h.id)
        AND (h.since IS NULL OR h.since < ?2) AND (h.until IS NULL OR h.until > ?1)
        AND (h.actor_id IS NULL AND h.target_id IS NULL
             OR EXISTS (SELECT 1 FROM audit_logs l
                         WHERE l.created_at >= max(?1, coalesce(h.since, ?1)) AND l.created_at < min(?2, coalesce(h.until, ?2))
                           AND (h.actor_id IS NULL OR l.actor_id = h.actor_id)
                           AND (h.target_id IS NULL OR l.target_id = h.target_id))))";
const LOOK: &str = "cannot look at the days of the log";
const PRUNE: &str = "cannot prune the log";

pub(super) struct Sqlite {
    connection: SqliteConnection,
}

impl Sqlite {
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        Ok(Self { connection: File::parse(url)?.open(Access::Change).await? })
    }

    async fn days(&mut self, keep: TimeDelta) -> Result<Vec<Partition>, sqlx::Error> {
        let now = self.now().await?;
        let days = "SELECT created_at / ?1 * ?1 AS day, count(*) AS n FROM audit_logs GROUP BY 1 ORDER BY 1";
        let days = sqlx::query(days).bind(DAY_US).fetch_all(&mut self.connection).await?;
        let mut partitions = Vec::with_capacity(days.len());
        for day in days {
            let lower_bound = time(&day, "day")?;
            let upper_bound = lower_bound + TimeDelta::microseconds(DAY_US);
            let stays = self.stays((lower_bound, upper_bound), now - keep).await?;
            let rows = day.try_get::<i64, _>("n")?.unsigned_abs();
            partitions.push(Partition { lower_bound, upper_bound, rows, bytes: None, stays });
        }
        Ok(partitions)
    }

    async fn now(&mut self) -> Result<DateTime<Utc>, sqlx::Error> {
        let now: i64 = sqlx::query_scalar(NOW).fetch_one(&mut self.connection).await?;
        DateTime::from_timestamp_micros(now).ok_or_else(|| sqlx::Error::Decode("the clock shows no time".into()))
    }

    async fn stays(&mut self, (since, until): Bounds, limit: DateTime<Utc>) -> Result<Option<Stays>, sqlx::Error> {
        if until > limit {
            return Ok(Some(Stays::Young));
        }
        for (is_so, stays) in [(IS_HELD, Stays::Held), (IS_UNSEALED, Stays::Unsealed)] {
            let is_so = sqlx::query_scalar(is_so).bind(since.timestamp_micros()).bind(until.timestamp_micros());
            if is_so.fetch_one(&mut self.connection).await? {
                return Ok(Some(stays));
            }
        }
        Ok(None)
    }

    async fn begin_pruning(&mut self, bounds: Bounds, keep: TimeDelta) -> Result<Begun, StoreError> {
        let failed = |error| store_error(PRUNE, error);
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut self.connection).await.map_err(failed)?;
        let pruned_at = self.now().await.map_err(failed)?;
        if let Some(stays) = self.stays(bounds, pruned_at - keep).await.map_err(failed)? {
            let reason = format!("the day that begins at {} has to stay: it is {stays}", bounds.0);
            return Err(StoreError::new(ErrorClass::Operator, PRUNE, reason));
        }
        let counts = "SELECT (SELECT count(*) FROM audit_logs WHERE created_at >= ? AND created_at < ?) AS n,
                             (SELECT coalesce(max(leaf) + 1, 0) FROM audit_tree) AS tree_size";
        let counts = sqlx::query(counts).bind(bounds.0.timestamp_micros()).bind(bounds.1.timestamp_micros());
        let counts = counts.fetch_one(&mut self.connection).await.map_err(failed)?;
        let number = |column| counts.try_get::<i64, _>(column).map(i64::unsigned_abs).map_err(failed);
        if number("n")? == 0 {
            let reason = format!("the day that begins at {} has no rows any more", bounds.0);
            return Err(StoreError::new(ErrorClass::Operator, PRUNE, reason));
        }
        Ok(Begun { rows: number("n")?, tree_size: number("tree_size")?, pruned_at, pruned_by: user() })
    }

    async fn read_straddling(&mut self, (since, until): Bounds) -> Result<Vec<Straddling>, StoreError> {
        // The index on created_at leads to the rows of a batch; a plus keeps the rest from theirs.
        const SQL: &str = "SELECT l.*, b.batch_no, l.seq - b.first_seq AS idx
             FROM audit_batches b
             JOIN audit_logs l ON l.created_at >= max(b.first_created, ?1) AND l.created_at <= min(b.last_created, ?2 - 1)
                              AND +l.stream_id = b.stream_id AND l.seq >= b.first_seq AND l.seq < b.first_seq + b.n
            WHERE b.first_created < ?2 AND b.last_created >= ?1 AND b.n > 0 AND b.kind <> 'lost'
              AND (b.first_created < ?1 OR b.last_created >= ?2
                   OR EXISTS (SELECT 1 FROM audit_dead_letters d WHERE d.stream_id = b.stream_id AND d.batch_no = b.batch_no))
            ORDER BY b.stream_id, b.batch_no, idx";
        let failed = |error| store_error(PRUNE, error);
        let rows = sqlx::query(SQL).bind(since.timestamp_micros()).bind(until.timestamp_micros());
        let rows = rows.fetch_all(&mut self.connection).await.map_err(failed)?;
        let straddling = |row: &SqliteRow| -> Result<Straddling, StoreError> {
            Ok(Straddling {
                batch_no: row.try_get("batch_no").map_err(failed)?,
                idx: row.try_get("idx").map_err(failed)?,
                row: sql::row(row, failed)?,
            })
        };
        rows.iter().map(straddling).collect()
    }

    async fn record(&mut self, stored: &StoredPruning, kept: &[KeptLeaf]) -> Result<i64, sqlx::Error> {
        let StoredPruning { pruning, statement } = stored;
        let (since, until) = (pruning.lower_bound.timestamp_micros(), pruning.upper_bound.timestamp_micros());
        let record = "INSERT INTO audit_prunings
             (no, lower_bound, upper_bound, n, leaves, leaves_root, tree_size, root_hash, pruned_at, pruned_by, statement)
             SELECT coalesce(max(no) + 1, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM audit_prunings RETURNING no";
        let no: i64 = sqlx::query_scalar(record)
            .bind(since)
            .bind(until)
            .bind(signed(pruning.rows))
            .bind(signed(pruning.kept_leaves))
            .bind(pruning.leaves_root.as_slice())
            .bind(signed(pruning.tree_size))
            .bind(pruning.root.as_slice())
            .bind(pruning.pruned_at.timestamp_micros())
            .bind(pruning.pruned_by.as_str())
            .bind(statement.as_deref())
            .fetch_one(&mut self.connection)
            .await?;
        for leaf in kept {
            sqlx::query("INSERT INTO audit_pruned_leaves (stream_id, batch_no, pruning_no, idx, leaf_hash) VALUES (?, ?, ?, ?, ?)")
                .bind(leaf.stream_id)
                .bind(leaf.batch_no)
                .bind(no)
                .bind(leaf.idx)
                .bind(leaf.hash.as_slice())
                .execute(&mut self.connection)
                .await?;
        }
        let remove = "DELETE FROM audit_logs WHERE created_at >= ? AND created_at < ?";
        sqlx::query(remove).bind(since).bind(until).execute(&mut self.connection).await?;
        sqlx::raw_sql("COMMIT").execute(&mut self.connection).await?;
        Ok(no)
    }
}

/// SQLite has no users; the environment says whose program this is.
fn user() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Place for Sqlite {
    fn partitions(&mut self, keep: TimeDelta) -> BoxFuture<'_, Result<Vec<Partition>, StoreError>> {
        Box::pin(async move {
            if keep < TimeDelta::hours(1) {
                return Err(StoreError::new(ErrorClass::Operator, LOOK, "less than an hour is no time to keep a log"));
            }
            self.days(keep).await.map_err(|error| store_error(LOOK, error))
        })
    }

    fn set_interval(&mut self, _: PartitionInterval, _: TimeDelta) -> BoxFuture<'_, Result<(), StoreError>> {
        let reason = "SQLite has no partitions: rows go by whole days";
        let refused = StoreError::new(ErrorClass::Operator, "cannot set the interval of partitions", reason);
        Box::pin(std::future::ready(Err(refused)))
    }

    fn newest_checkpoint(&mut self) -> BoxFuture<'_, Result<Option<StoredCheckpoint>, StoreError>> {
        const SQL: &str = "SELECT note, frontier FROM audit_checkpoints ORDER BY size DESC LIMIT 1";
        Box::pin(async move {
            let row = sqlx::query(SQL).fetch_optional(&mut self.connection).await;
            let checkpoint = |row: SqliteRow| -> Result<_, sqlx::Error> {
                let frontier = row.try_get::<Option<_>, _>("frontier")?.unwrap_or_default();
                Ok(StoredCheckpoint { note: row.try_get("note")?, frontier })
            };
            row.and_then(|row| row.map(checkpoint).transpose()).map_err(|error| store_error(PRUNE, error))
        })
    }

    fn begin(&mut self, bounds: Bounds, keep: TimeDelta) -> BoxFuture<'_, Result<Begun, StoreError>> {
        Box::pin(self.begin_pruning(bounds, keep))
    }

    fn erased(&mut self, (since, until): Bounds) -> BoxFuture<'_, Result<i64, StoreError>> {
        const SQL: &str =
            "SELECT coalesce(sum(length(redacted)), 0) FROM audit_logs WHERE created_at >= ? AND created_at < ?";
        Box::pin(async move {
            let erased = sqlx::query_scalar(SQL).bind(since.timestamp_micros()).bind(until.timestamp_micros());
            erased.fetch_one(&mut self.connection).await.map_err(|error| store_error(PRUNE, error))
        })
    }

    fn straddling(&mut self, bounds: Bounds) -> BoxFuture<'_, Result<Vec<Straddling>, StoreError>> {
        Box::pin(self.read_straddling(bounds))
    }

    fn leaves(&mut self, from: u64) -> BoxFuture<'_, Result<Vec<Hash>, StoreError>> {
        const SQL: &str = "SELECT leaf_hash FROM audit_tree WHERE leaf >= ? ORDER BY leaf LIMIT ?";
        Box::pin(async move {
            let rows = sqlx::query(SQL).bind(signed(from)).bind(PAGE).fetch_all(&mut self.connection).await;
            let leaves = rows.and_then(|rows| rows.iter().map(|row| row.hash("leaf_hash")).collect());
            leaves.map_err(|error| store_error(PRUNE, error))
        })
    }

    fn finish<'a>(
        &'a mut self,
        pruning: &'a StoredPruning,
        kept: &'a [KeptLeaf],
        _keep: TimeDelta,
    ) -> BoxFuture<'a, Result<i64, StoreError>> {
        Box::pin(async move { self.record(pruning, kept).await.map_err(|error| store_error(PRUNE, error)) })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
