//! Batches that are written on their rows in the outbox of an SQLite file, on their way to a log elsewhere.

use std::time::{Duration, SystemTime};

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _};
use uuid::Uuid;

use super::connection::SqliteConnection;
use super::drain::record;
use super::error::store_error;
use crate::batch::Batch;
use crate::entry::identify;
use crate::outbox::{Claim, Cutter, header_text};
use crate::store::drain::{Claimed, Claims};
use crate::store::{BoxFuture, Connection, StoreError};

impl SqliteConnection {
    async fn claim_rows(&mut self, cutter: &mut Cutter) -> Result<Claimed, StoreError> {
        let waits = "SELECT EXISTS (SELECT 1 FROM audit_outbox WHERE stream_id IS NULL)";
        if !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut self.connection).await.map_err(failed)? {
            return Ok(Claimed::Nothing);
        }
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let question =
            "SELECT id, created_at, salt, entry FROM audit_outbox WHERE stream_id IS NULL ORDER BY id LIMIT ?";
        let limit = i64::try_from(cutter.rows).unwrap_or(i64::MAX);
        let rows = sqlx::query(question).bind(limit).fetch_all(&mut *transaction).await.map_err(failed)?;
        let records: Vec<_> = rows.iter().map(record).collect::<Result<_, _>>().map_err(failed)?;
        if records.is_empty() {
            transaction.rollback().await.map_err(failed)?;
            return Ok(Claimed::Nothing);
        }
        let batch = cutter.cut(records);
        let header = batch.header();
        for (idx, row) in (0_i64..).zip(batch.rows()) {
            sqlx::query(
                "UPDATE audit_outbox SET claimed_at = ?, stream_id = ?, batch_no = ?, idx = ?, header = ? WHERE id = ?",
            )
            .bind(now())
            .bind(header.stream_id)
            .bind(header.batch_no)
            .bind(idx)
            .bind((idx == 0).then(|| header_text(header)))
            .bind(row.row.id)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(Claimed::Batch)
    }

    async fn find_claim(&mut self, stream_id: Uuid, batch_no: i64) -> Result<Option<Claim>, StoreError> {
        let question = "SELECT id, created_at, salt, entry, header FROM audit_outbox
                         WHERE stream_id = ? AND batch_no = ? ORDER BY idx";
        let rows = sqlx::query(question).bind(stream_id).bind(batch_no).fetch_all(&mut self.connection).await;
        let rows = rows.map_err(failed)?;
        let read = |rows: &[SqliteRow]| {
            let Some(first) = rows.first() else { return Ok(None) };
            let header = first.try_get::<Option<String>, _>("header")?.unwrap_or_default();
            Ok(Some(Claim { stream_id, batch_no, header, records: rows.iter().map(record).collect::<Result<_, _>>()? }))
        };
        read(&rows).map_err(failed)
    }

    async fn take_over_claim(&mut self, lease: Duration) -> Result<Option<Claim>, StoreError> {
        let lease = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
        let take = "UPDATE audit_outbox SET claimed_at = ?1
                     WHERE (stream_id, batch_no) =
                           (SELECT stream_id, batch_no FROM audit_outbox WHERE idx = 0 AND claimed_at < ?1 - ?2
                             ORDER BY claimed_at LIMIT 1)
                    RETURNING stream_id, batch_no";
        let taken = sqlx::query(take).bind(now()).bind(lease).fetch_all(&mut self.connection).await;
        let taken = taken.map_err(failed)?;
        let Some(first) = taken.first() else { return Ok(None) };
        let (stream_id, batch_no) = (first.try_get("stream_id"), first.try_get("batch_no"));
        self.find_claim(stream_id.map_err(failed)?, batch_no.map_err(failed)?).await
    }

    async fn run(&mut self, sql: &'static str, batch: &Batch) -> Result<(), StoreError> {
        let header = batch.header();
        let ran = sqlx::query(sql).bind(header.stream_id).bind(header.batch_no).execute(&mut self.connection).await;
        ran.map(drop).map_err(failed)
    }
}

/// µs since 1970, by the clock that all programs of this machine share.
fn now() -> i64 {
    identify(SystemTime::now()).1.timestamp_micros()
}

fn failed(error: sqlx::Error) -> StoreError {
    store_error("cannot claim entries of the outbox", error)
}

impl Claims for SqliteConnection {
    fn claim<'a>(&'a mut self, cutter: &'a mut Cutter) -> BoxFuture<'a, Result<Claimed, StoreError>> {
        Box::pin(self.claim_rows(cutter))
    }

    fn find(&mut self, stream_id: Uuid, batch_no: i64) -> BoxFuture<'_, Result<Option<Claim>, StoreError>> {
        Box::pin(self.find_claim(stream_id, batch_no))
    }

    fn take_over(&mut self, lease: Duration) -> BoxFuture<'_, Result<Option<Claim>, StoreError>> {
        Box::pin(self.take_over_claim(lease))
    }

    fn remove<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.run("DELETE FROM audit_outbox WHERE stream_id = ? AND batch_no = ?", batch))
    }

    fn release<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        let release =
            "UPDATE audit_outbox SET claimed_at = NULL, stream_id = NULL, batch_no = NULL, idx = NULL, header = NULL
                        WHERE stream_id = ? AND batch_no = ?";
        Box::pin(self.run(release, batch))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Connection::close(self)
    }
}
