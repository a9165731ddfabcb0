//! Pruning in PostgreSQL. The functions of the database judge, drop and record; the role of an admin may call them. What is
//! kept of old rows is read as a reader does.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::place::{Begun, Bounds, KeptLeaf, PAGE, Place, StoredCheckpoint, Straddling};
use super::pruning::StoredPruning;
use super::{Partition, PartitionInterval, Stays};
use crate::batch::Hash;
use crate::query::sql;
use crate::query::sql::POSTGRES_ROW;
use crate::store::postgres::{address, answer, begin, close, connect_bare, end, store_error, time};
use crate::store::{BoxFuture, Columns as _, Schema, StoreError};

/// Counting and sorting large partitions takes its time.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '10min'; SET LOCAL lock_timeout = '300ms'; \
     SET LOCAL idle_in_transaction_session_timeout = '1min'; SET LOCAL synchronous_commit = 'on'; SET LOCAL timezone = 'UTC'";
/// A little longer than a statement may take, so that the server says what it was.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(605);
const LOOK: &str = "cannot look at the partitions";
const PRUNE: &str = "cannot prune the log";

pub(super) struct Postgres {
    connection: PgConnection,
    /// Quoted.
    schema: String,
    /// Whether a pruning has begun, whose transaction is open.
    is_pruning: bool,
}

impl Postgres {
    pub(super) async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        let server = address::parse(url)?;
        let connection = connect_bare(&server, "audit-retention").await?;
        Ok(Self { connection, schema: schema.quoted(), is_pruning: false })
    }

    /// In the transaction of a pruning, or one of its own. Behind a pooler a prepared statement may be another session's, so that
    /// none is kept.
    async fn ask(&mut self, action: &str, sql: String) -> Result<Vec<PgRow>, StoreError> {
        let is_alone = !self.is_pruning;
        if is_alone {
            begin(&mut self.connection, ANSWER_TIMEOUT, action).await?;
        }
        let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(&mut self.connection);
        let rows = answer(ANSWER_TIMEOUT, action, rows).await;
        if is_alone { end(&mut self.connection, ANSWER_TIMEOUT, action, rows).await } else { rows }
    }

    async fn run(&mut self, action: &str, sql: &'static str) -> Result<(), StoreError> {
        answer(ANSWER_TIMEOUT, action, sqlx::raw_sql(sql).execute(&mut self.connection)).await.map(drop)
    }

    async fn record(&mut self, stored: &StoredPruning, kept: &[KeptLeaf], keep: TimeDelta) -> Result<i64, StoreError> {
        let StoredPruning { pruning, statement } = stored;
        let call =
            format!("SELECT {}.audit_prune($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS no", self.schema);
        let call = sqlx::query(AssertSqlSafe(call))
            .bind(pruning.lower_bound)
            .bind(pruning.upper_bound)
            .bind(keep.num_seconds())
            .bind(pruning.pruned_at)
            .bind(signed(pruning.rows))
            .bind(signed(pruning.tree_size))
            .bind(pruning.root.as_slice())
            .bind(statement.as_deref())
            .bind(pruning.leaves_root.as_slice())
            .bind(kept.iter().map(|leaf| leaf.stream_id).collect::<Vec<_>>())
            .bind(kept.iter().map(|leaf| leaf.batch_no).collect::<Vec<_>>())
            .bind(kept.iter().map(|leaf| leaf.idx).collect::<Vec<_>>())
            .bind(kept.iter().map(|leaf| leaf.hash.to_vec()).collect::<Vec<_>>())
            .persistent(false);
        let row = answer(ANSWER_TIMEOUT, PRUNE, call.fetch_one(&mut self.connection)).await?;
        let no = row.try_get("no").map_err(|error| store_error(PRUNE, error))?;
        self.run(PRUNE, "COMMIT").await?;
        self.is_pruning = false;
        Ok(no)
    }
}

/// As a literal.
fn exact(time: DateTime<Utc>) -> String {
    format!("'{}'", time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn partition(row: &PgRow) -> Result<Partition, sqlx::Error> {
    Ok(Partition {
        lower_bound: time(row, "lower_bound")?,
        upper_bound: time(row, "upper_bound")?,
        rows: row.try_get::<i64, _>("n")?.unsigned_abs(),
        bytes: Some(row.try_get::<i64, _>("bytes")?.unsigned_abs()),
        stays: row.try_get::<Option<String>, _>("stays")?.as_deref().map(stays),
    })
}

/// The words of `audit_stays`.
fn stays(word: &str) -> Stays {
    match word {
        "young" => Stays::Young,
        "held" => Stays::Held,
        _ => Stays::Unsealed,
    }
}

fn begun(row: &PgRow) -> Result<Begun, sqlx::Error> {
    Ok(Begun {
        rows: row.try_get::<i64, _>("n")?.unsigned_abs(),
        tree_size: row.try_get::<i64, _>("tree_size")?.unsigned_abs(),
        pruned_at: time(row, "pruned_at")?,
        pruned_by: row.try_get("pruned_by")?,
    })
}

fn straddling(row: &PgRow) -> Result<Straddling, StoreError> {
    let failed = |error| store_error(PRUNE, error);
    Ok(Straddling {
        batch_no: row.try_get("batch_no").map_err(failed)?,
        idx: row.try_get("idx").map_err(failed)?,
        row: sql::row(row, failed)?,
    })
}

impl Place for Postgres {
    fn partitions(&mut self, keep: TimeDelta) -> BoxFuture<'_, Result<Vec<Partition>, StoreError>> {
        Box::pin(async move {
            let sql = format!("SELECT * FROM {}.audit_retention({})", self.schema, keep.num_seconds());
            let rows = self.ask(LOOK, sql).await?;
            rows.iter().map(partition).collect::<Result<_, _>>().map_err(|error| store_error(LOOK, error))
        })
    }

    fn set_interval(&mut self, interval: PartitionInterval, keep: TimeDelta) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let seconds = keep.num_seconds();
            let sql = format!("SELECT {}.audit_set_partition_interval('{interval}', {seconds})", self.schema);
            self.ask("cannot set the interval of partitions", sql).await.map(drop)
        })
    }

    fn newest_checkpoint(&mut self) -> BoxFuture<'_, Result<Option<StoredCheckpoint>, StoreError>> {
        Box::pin(async move {
            let sql =
                format!("SELECT note, frontier FROM {}.audit_checkpoints ORDER BY size DESC LIMIT 1", self.schema);
            let rows = self.ask(PRUNE, sql).await?;
            let checkpoint = |row: &PgRow| -> Result<_, sqlx::Error> {
                let frontier = row.try_get::<Option<_>, _>("frontier")?.unwrap_or_default();
                Ok(StoredCheckpoint { note: row.try_get("note")?, frontier })
            };
            rows.first().map(checkpoint).transpose().map_err(|error| store_error(PRUNE, error))
        })
    }

    fn begin(&mut self, (since, until): Bounds, keep: TimeDelta) -> BoxFuture<'_, Result<Begun, StoreError>> {
        Box::pin(async move {
            self.run(PRUNE, BEGIN).await?;
            self.is_pruning = true;
            let (since, until, seconds) = (exact(since), exact(until), keep.num_seconds());
            let sql = format!("SELECT * FROM {}.audit_begin_pruning({since}, {until}, {seconds})", self.schema);
            let rows = self.ask(PRUNE, sql).await?;
            rows.first().ok_or(sqlx::Error::RowNotFound).and_then(begun).map_err(|error| store_error(PRUNE, error))
        })
    }

    fn erased(&mut self, (since, until): Bounds) -> BoxFuture<'_, Result<i64, StoreError>> {
        Box::pin(async move {
            let sql = format!(
                "SELECT coalesce(sum(octet_length(redacted::text)), 0)::bigint AS erased FROM {}.audit_logs
                  WHERE created_at >= {} AND created_at < {}",
                self.schema,
                exact(since),
                exact(until)
            );
            let rows = self.ask(PRUNE, sql).await?;
            let erased = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.try_get("erased"));
            erased.map_err(|error| store_error(PRUNE, error))
        })
    }

    fn straddling(&mut self, (since, until): Bounds) -> BoxFuture<'_, Result<Vec<Straddling>, StoreError>> {
        Box::pin(async move {
            let (schema, since, until) = (&self.schema, exact(since), exact(until));
            let sql = format!(
                "SELECT {POSTGRES_ROW}, batch_no, idx FROM (
                     SELECT l.*, b.batch_no, (l.seq - b.first_seq)::integer AS idx
                       FROM {schema}.audit_straddling({since}, {until}) b
                      CROSS JOIN LATERAL (SELECT * FROM {schema}.audit_logs l
                            WHERE l.created_at >= {since} AND l.created_at < {until}
                              AND l.created_at BETWEEN b.first_created AND b.last_created
                              AND l.stream_id = b.stream_id AND l.seq >= b.first_seq AND l.seq < b.first_seq + b.n) l) r
                  ORDER BY stream_id, batch_no, idx"
            );
            self.ask(PRUNE, sql).await?.iter().map(straddling).collect()
        })
    }

    fn leaves(&mut self, from: u64) -> BoxFuture<'_, Result<Vec<Hash>, StoreError>> {
        Box::pin(async move {
            let sql = format!(
                "SELECT leaf_hash FROM {}.audit_tree WHERE leaf >= {from} ORDER BY leaf LIMIT {PAGE}",
                self.schema
            );
            let rows = self.ask(PRUNE, sql).await?;
            let leaves = rows.iter().map(|row| row.hash("leaf_hash")).collect::<Result<_, _>>();
            leaves.map_err(|error| store_error(PRUNE, error))
        })
    }

    fn finish<'a>(
        &'a mut self,
        pruning: &'a StoredPruning,
        kept: &'a [KeptLeaf],
        keep: TimeDelta,
    ) -> BoxFuture<'a, Result<i64, StoreError>> {
        Box::pin(self.record(pruning, kept, keep))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
