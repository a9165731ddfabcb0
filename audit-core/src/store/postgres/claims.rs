//! Batches that are written on their rows in the outbox of a PostgreSQL database, on their way to a log elsewhere.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::connection::PostgresConnection;
use super::drain::record;
use super::sqlstate::store_error;
use super::statements::OUTBOX_RECORD;
use crate::batch::Batch;
use crate::outbox::{Claim, Cutter, header_text};
use crate::store::drain::{Claimed, Claims};
use crate::store::{BoxFuture, StoreError};

/// What a claim adds to a row.
const CLAIM: &str = "stream_id, batch_no, idx, header";

impl PostgresConnection {
    async fn claim_rows(&mut self, cutter: &mut Cutter) -> Result<Claimed, StoreError> {
        match self.look().await? {
            None => return Ok(Claimed::NotAllowed),
            Some(false) => return Ok(Claimed::Nothing),
            Some(true) => {}
        }
        let table = self.statements.outbox();
        let rows = cutter.rows;
        self.session().begin().await.map_err(failed)?;
        let question = format!(
            "SELECT {OUTBOX_RECORD}, {CLAIM} FROM {table} WHERE stream_id IS NULL ORDER BY id LIMIT {rows} FOR UPDATE SKIP LOCKED"
        );
        let rows = self.session().fetch_all(question).await.map_err(failed)?;
        let records: Vec<_> = rows.iter().map(record).collect::<Result<_, _>>().map_err(failed)?;
        if records.is_empty() {
            self.session().execute("ROLLBACK").await.map_err(failed)?;
            return Ok(Claimed::Nothing);
        }
        let batch = cutter.cut(records);
        let header = batch.header();
        let ids: Vec<_> = batch.rows().iter().map(|row| format!("'{}'", row.row.id)).collect();
        let write = format!(
            "UPDATE {table} o
                SET claimed_at = clock_timestamp(), stream_id = '{}', batch_no = {}, idx = c.place - 1,
                    header = CASE c.place WHEN 1 THEN '{}' END
               FROM unnest(ARRAY[{}]::uuid[]) WITH ORDINALITY c (id, place)
              WHERE o.id = c.id",
            header.stream_id,
            header.batch_no,
            header_text(header),
            ids.join(", ")
        );
        self.session().fetch_all(write).await.map_err(failed)?;
        self.session().execute("COMMIT").await.map_err(failed)?;
        Ok(Claimed::Batch)
    }

    /// One statement in a transaction of its own.
    async fn run(&mut self, sql: String) -> Result<Vec<PgRow>, StoreError> {
        self.session().begin().await.map_err(failed)?;
        let rows = self.session().fetch_all(sql).await.map_err(failed)?;
        self.session().execute("COMMIT").await.map_err(failed)?;
        Ok(rows)
    }

    fn of(batch: &Batch) -> String {
        format!("stream_id = '{}' AND batch_no = {}", batch.header().stream_id, batch.header().batch_no)
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    store_error("cannot claim entries of the outbox", error)
}

fn claim(mut rows: Vec<PgRow>) -> Result<Option<Claim>, StoreError> {
    let read = |rows: &[PgRow]| {
        let Some(first) = rows.first() else { return Ok(None) };
        Ok(Some(Claim {
            stream_id: first.try_get("stream_id")?,
            batch_no: first.try_get("batch_no")?,
            header: first.try_get::<Option<String>, _>("header")?.unwrap_or_default(),
            records: rows.iter().map(record).collect::<Result<_, _>>()?,
        }))
    };
    rows.sort_by_key(|row| row.try_get::<i32, _>("idx").unwrap_or_default());
    read(&rows).map_err(failed)
}

impl Claims for PostgresConnection {
    fn claim<'a>(&'a mut self, cutter: &'a mut Cutter) -> BoxFuture<'a, Result<Claimed, StoreError>> {
        Box::pin(self.claim_rows(cutter))
    }

    fn find(&mut self, stream_id: Uuid, batch_no: i64) -> BoxFuture<'_, Result<Option<Claim>, StoreError>> {
        let table = self.statements.outbox();
        let question = format!(
            "SELECT {OUTBOX_RECORD}, {CLAIM} FROM {table} WHERE stream_id = '{stream_id}' AND batch_no = {batch_no}"
        );
        Box::pin(async { claim(self.run(question).await?) })
    }

    fn take_over(&mut self, lease: Duration) -> BoxFuture<'_, Result<Option<Claim>, StoreError>> {
        let table = self.statements.outbox();
        let take = format!(
            "UPDATE {table} SET claimed_at = clock_timestamp()
              WHERE (stream_id, batch_no) =
                    (SELECT stream_id, batch_no FROM {table}
                      WHERE idx = 0 AND claimed_at < clock_timestamp() - interval '{} ms'
                      ORDER BY claimed_at LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING {OUTBOX_RECORD}, {CLAIM}",
            lease.as_millis()
        );
        Box::pin(async { claim(self.run(take).await?) })
    }

    fn remove<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        let delete = format!("DELETE FROM {} WHERE {}", self.statements.outbox(), Self::of(batch));
        Box::pin(async { self.run(delete).await.map(drop) })
    }

    fn release<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        let release = format!(
            "UPDATE {} SET claimed_at = NULL, stream_id = NULL, batch_no = NULL, idx = NULL, header = NULL WHERE {}",
            self.statements.outbox(),
            Self::of(batch)
        );
        Box::pin(async { self.run(release).await.map(drop) })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        crate::store::Connection::close(self)
    }
}
