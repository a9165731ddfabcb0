//! One lane's connection to the file.

use chrono::{DateTime, Utc};
use sqlx::Connection as _;

use super::error::store_error;
use super::{file, header, rows};
use crate::batch::{Batch, Header};
use crate::store::dead_letter::LastBatch;
use crate::store::{BoxFuture, Connection, Landed, StoreError};

pub(crate) struct SqliteConnection {
    pub(super) connection: sqlx::SqliteConnection,
    /// Where the file is, for errors.
    pub(super) place: String,
    pub(super) last: LastBatch,
}

impl SqliteConnection {
    pub(super) const fn new(connection: sqlx::SqliteConnection, place: String, last: LastBatch) -> Self {
        Self { connection, place, last }
    }

    async fn land_in_transaction(&mut self, batch: &Batch) -> Result<Landed, StoreError> {
        let failed = |error| store_error(format!("cannot store a batch in {}", self.place), error);
        // IMMEDIATE takes the one write lock at once: between the look for the header and its insertion nobody else
        // can write, and no transaction has to be given up half-way.
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let Header { stream_id, batch_no, .. } = *batch.header();
        let stored = header::examine(&mut transaction, stream_id, batch_no).await.map_err(failed)?;
        if let Some((hash, dead_lettered)) = stored {
            transaction.rollback().await.map_err(failed)?;
            return Ok(Landed::met(batch, &hash, dead_lettered));
        }
        let db_time = header::insert(&mut transaction, batch).await.map_err(failed)?;
        let dead_lettered = rows::insert(&mut transaction, batch, db_time, &self.last, &self.place).await?;
        transaction.commit().await.map_err(failed)?;
        self.last.remember(batch, dead_lettered);
        Ok(Landed::Stored { dead_lettered })
    }
}

impl Connection for SqliteConnection {
    fn land<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Landed, StoreError>> {
        Box::pin(self.land_in_transaction(batch))
    }

    /// There are no partitions to make.
    fn prepare(&mut self, _now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(file::close(self.connection))
    }
}
