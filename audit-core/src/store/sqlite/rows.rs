//! Puts a batch's rows into the table, and those that it refuses aside.

use std::sync::LazyLock;

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, Transaction};

use super::error::store_error;
use crate::batch::{Batch, FrozenRow};
use crate::store::dead_letter::{self, LastBatch, Refusals};
use crate::store::{ErrorClass, StoreError};

/// Rows per statement: the cost of a row is the same from 100 on (measured, also against one statement over
/// `json_each`, which is a fifth slower), and SQLite takes at most 32,766 parameters.
const ROWS_PER_STATEMENT: usize = 250;

const COLUMNS: &str = "stream_id, recorded_at, id, created_at, seq, duration_us, attempt_id, actor_type, outcome, actor_id, \
     action, target_type, target_id, metadata, ip_address, user_agent, error, request_id, trace_id, span_id, tenant_id, \
     on_behalf_of, origin, salt";
/// As many as there are columns.
const PARAMETERS: usize = 24;

static FULL_STATEMENT: LazyLock<String> = LazyLock::new(|| statement(ROWS_PER_STATEMENT));

/// Inserts every row, or, of a few that the table refuses, a dead letter. Gives back how many those are.
pub(super) async fn insert(
    transaction: &mut Transaction<'_, Sqlite>,
    batch: &Batch,
    db_time: i64,
    last: &LastBatch,
    place: &str,
) -> Result<u64, StoreError> {
    let action = || format!("cannot store a batch in {place}");
    let mut refusals = Refusals::of(batch, last);
    // Parts of the batch with the place of their first row, the next one last. A statement that fails leaves the
    // transaction as it was before it, or ends it, so halving needs no savepoints.
    let chunks = batch.rows().chunks(ROWS_PER_STATEMENT).enumerate();
    let mut parts: Vec<(usize, &[FrozenRow])> = chunks.map(|(i, rows)| (i * ROWS_PER_STATEMENT, rows)).collect();
    parts.reverse();
    let mut ready = None;
    while let Some((first, rows)) = parts.pop() {
        let insert = ready.take().unwrap_or_else(|| insertion(rows, db_time));
        // SQLite works in a thread of its own; meanwhile the next statement is made ready.
        let next = async { parts.last().map(|(_, rows)| insertion(rows, db_time)) };
        let (inserted, next) = tokio::join!(insert.execute(&mut **transaction), next);
        let Err(error) = inserted else {
            ready = next;
            continue;
        };
        let error = store_error(action(), error);
        if error.class() != ErrorClass::Poison {
            return Err(error);
        }
        if !is_open(transaction).await {
            let reason = "a trigger of the table rolled the whole transaction back: let it RAISE(ABORT) instead";
            return Err(StoreError::new(ErrorClass::Operator, action(), reason).with_source(error));
        }
        match rows {
            [row] => {
                refusals.add(error)?;
                insert_dead_letter(transaction, batch, db_time, first, row)
                    .await
                    .map_err(|error| store_error(action(), error))?;
            }
            rows => {
                let (left, right) = rows.split_at(rows.len() / 2);
                parts.push((first + left.len(), right));
                parts.push((first, left));
            }
        }
    }
    Ok(refusals.count)
}

/// Whether the transaction is still there: SQLite begins none within another. Outside of one, every row would be committed
/// by itself, under no header.
async fn is_open(transaction: &mut Transaction<'_, Sqlite>) -> bool {
    sqlx::query("BEGIN").execute(&mut **transaction).await.is_err()
}

/// Inserts rows, of which there is at least one.
fn insertion(rows: &[FrozenRow], db_time: i64) -> Query<'_> {
    // Statements of every other length are not worth a place among the prepared ones.
    let query = if rows.len() == ROWS_PER_STATEMENT {
        sqlx::query(AssertSqlSafe(FULL_STATEMENT.as_str().to_owned()))
    } else {
        sqlx::query(AssertSqlSafe(statement(rows.len()))).persistent(false)
    };
    rows.iter().fold(query, |query, row| bind(query, row, db_time))
}

/// Anonymous parameters, also for what all rows share: sqlx looks up the name of each parameter, for which SQLite walks
/// through all named ones, which made it the largest cost of all.
fn statement(rows: usize) -> String {
    let row = format!("(?{})", ", ?".repeat(PARAMETERS - 1));
    format!("INSERT INTO audit_logs ({COLUMNS}) VALUES {}", vec![row; rows].join(", "))
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

fn bind<'q>(query: Query<'q>, frozen: &'q FrozenRow, db_time: i64) -> Query<'q> {
    let row = &frozen.row;
    query
        .bind(row.stream_id)
        .bind(db_time)
        .bind(row.id)
        .bind(row.created_at.timestamp_micros())
        .bind(row.seq)
        .bind(row.duration_us)
        .bind(row.attempt_id)
        .bind(row.actor_type.as_str())
        .bind(row.outcome.as_str())
        .bind(row.actor_id.as_deref())
        .bind(row.action.as_str())
        .bind(row.target_type.as_str())
        .bind(row.target_id.as_deref())
        .bind(frozen.metadata())
        .bind(row.ip_address.map(|address| address.to_string()))
        .bind(row.user_agent.as_deref())
        .bind(row.error.as_deref())
        .bind(row.request_id.as_deref())
        .bind(row.trace_id.as_deref())
        .bind(row.span_id.as_deref())
        .bind(row.tenant_id.as_deref())
        .bind(row.on_behalf_of.as_deref())
        .bind(row.origin.as_deref())
        .bind(row.salt.as_ref().map(<[u8; 16]>::as_slice))
}

async fn insert_dead_letter(
    transaction: &mut Transaction<'_, Sqlite>,
    batch: &Batch,
    db_time: i64,
    index: usize,
    row: &FrozenRow,
) -> Result<(), sqlx::Error> {
    let header = batch.header();
    let letter = "INSERT INTO audit_dead_letters (stream_id, batch_no, db_time, idx, leaf_hash, encoded) VALUES (?, ?, ?, ?, ?, ?)";
    sqlx::query(letter)
        .bind(header.stream_id)
        .bind(header.batch_no)
        .bind(db_time)
        .bind(dead_letter::index(index))
        .bind(row.leaf.as_slice())
        .bind(dead_letter::encode(row))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
