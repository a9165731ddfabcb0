//! Moves entries from the outbox to the log of the same file.

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, Sqlite, Transaction};

use super::connection::SqliteConnection;
use super::error::store_error;
use super::{header, rows};
use crate::outbox::{Cutter, Record};
use crate::store::drain::{Drain, Drained};
use crate::store::{BoxFuture, Connection, StoreError};

impl SqliteConnection {
    async fn drain_outbox(&mut self, cutter: &mut Cutter) -> Result<Drained, StoreError> {
        let Self { connection, place, last } = self;
        let failed = |error| store_error(format!("cannot drain the outbox of {place}"), error);
        let waits = "SELECT EXISTS (SELECT 1 FROM audit_outbox WHERE stream_id IS NULL)";
        let waits: bool = sqlx::query_scalar(waits).fetch_one(&mut *connection).await.map_err(failed)?;
        if !waits && !cutter.asks() {
            return Ok(Drained::Nothing);
        }
        // Under the one write lock: nobody else drains now, and nothing of ours is still under way.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let (stream_id, batch_no) = cutter.place();
        let stored = header::examine(&mut transaction, stream_id, batch_no).await.map_err(failed)?;
        if let Some((hash, dead_lettered)) = stored {
            transaction.rollback().await.map_err(failed)?;
            return Ok(Drained::recognised(cutter, &hash, dead_lettered));
        }
        let records = take(&mut transaction, cutter.rows).await.map_err(failed)?;
        if records.is_empty() {
            transaction.rollback().await.map_err(failed)?;
            return Ok(Drained::Nothing);
        }
        let batch = cutter.cut(records);
        let db_time = header::insert(&mut transaction, batch).await.map_err(failed)?;
        let dead_lettered = rows::insert(&mut transaction, batch, db_time, last, place).await?;
        transaction.commit().await.map_err(failed)?;
        last.remember(batch, dead_lettered);
        Ok(Drained::Moved { entries: cutter.landed(), dead_lettered })
    }
}

/// Takes entries out of the outbox, oldest first.
async fn take(transaction: &mut Transaction<'_, Sqlite>, rows: usize) -> Result<Vec<Record>, sqlx::Error> {
    let take = "DELETE FROM audit_outbox
                 WHERE id IN (SELECT id FROM audit_outbox WHERE stream_id IS NULL ORDER BY id LIMIT ?)
                RETURNING id, created_at, salt, entry";
    let limit = i64::try_from(rows).unwrap_or(i64::MAX);
    let rows = sqlx::query(take).bind(limit).fetch_all(&mut **transaction).await?;
    let mut records: Vec<_> = rows.iter().map(record).collect::<Result<_, _>>()?;
    records.sort_by_key(|record| record.id);
    Ok(records)
}

/// A row of the outbox.
pub(super) fn record(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    let salt: Vec<u8> = row.try_get("salt")?;
    Ok(Record {
        id: row.try_get("id")?,
        created_at: time(row, "created_at")?,
        // A CHECK of the table's holds it to this length.
        salt: salt.try_into().unwrap_or_default(),
        entry: row.try_get("entry")?,
    })
}

/// A time, kept as µs since 1970.
fn time(row: &SqliteRow, column: &str) -> Result<DateTime<Utc>, sqlx::Error> {
    Ok(DateTime::from_timestamp_micros(row.try_get(column)?).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

impl Drain for SqliteConnection {
    fn drain<'a>(&'a mut self, cutter: &'a mut Cutter) -> BoxFuture<'a, Result<Drained, StoreError>> {
        Box::pin(self.drain_outbox(cutter))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Connection::close(self)
    }
}
