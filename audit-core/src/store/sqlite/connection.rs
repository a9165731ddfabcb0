//! One lane's connection to the file.

use chrono::{DateTime, Utc};
use sqlx::query::QueryScalar;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Connection as _, Sqlite, Transaction};

use super::error::store_error;
use super::{file, rows};
use crate::batch::{Batch, Header};
use crate::store::dead_letter::LastBatch;
use crate::store::{BoxFuture, Connection, Landed, StoreError};

type Query<'q, T> = QueryScalar<'q, Sqlite, T, SqliteArguments>;

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
        let landed = match is_own_header(&mut transaction, batch).await.map_err(failed)? {
            Some(true) => {
                let dead_lettered = count_dead_letters(&mut transaction, batch).await.map_err(failed)?;
                Landed::AlreadyStored { dead_lettered }
            }
            Some(false) => Landed::Squatted,
            None => {
                let db_time = insert_header(&mut transaction, batch).await.map_err(failed)?;
                let dead_lettered = rows::insert(&mut transaction, batch, db_time, &self.last, &self.place).await?;
                transaction.commit().await.map_err(failed)?;
                self.last.remember(batch, dead_lettered);
                return Ok(Landed::Stored { dead_lettered });
            }
        };
        transaction.rollback().await.map_err(failed)?;
        Ok(landed)
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

/// Whether the header of this number, if there is one, says what the batch's own does. Every hashed field is compared,
/// which is the same as comparing hashes.
async fn is_own_header(transaction: &mut Transaction<'_, Sqlite>, batch: &Batch) -> Result<Option<bool>, sqlx::Error> {
    let question = sqlx::query_scalar(
        "SELECT kind = ? AND first_seq = ? AND n = ? AND first_created = ? AND last_created = ? AND rows_root = ?
                AND prev_hash = ? AND writer_time = ? AND key_id IS ?
           FROM audit_batches WHERE stream_id = ? AND batch_no = ?",
    );
    bind_header(question, batch.header()).fetch_optional(&mut **transaction).await
}

async fn count_dead_letters(transaction: &mut Transaction<'_, Sqlite>, batch: &Batch) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_dead_letters WHERE stream_id = ? AND batch_no = ?")
        .bind(batch.header().stream_id)
        .bind(batch.header().batch_no)
        .fetch_one(&mut **transaction)
        .await?;
    Ok(count.unsigned_abs())
}

/// Inserts the header and gives back when, by SQLite's clock, in µs.
pub(super) async fn insert_header(
    transaction: &mut Transaction<'_, Sqlite>,
    batch: &Batch,
) -> Result<i64, sqlx::Error> {
    let header = batch.header();
    let insert = sqlx::query_scalar(
        "INSERT INTO audit_batches (kind, first_seq, n, first_created, last_created, rows_root, prev_hash, writer_time,
                                    key_id, stream_id, batch_no, sig)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         RETURNING db_time",
    );
    bind_header(insert, header).bind(header.sig.as_deref()).fetch_one(&mut **transaction).await
}

/// Binds what is hashed of a header, its key last. What is stored and what is compared later cannot drift apart.
fn bind_header<'q, T>(query: Query<'q, T>, header: &'q Header) -> Query<'q, T> {
    query
        .bind(header.kind.as_str())
        .bind(header.first_seq)
        .bind(header.n)
        .bind(header.first_created.timestamp_micros())
        .bind(header.last_created.timestamp_micros())
        .bind(header.rows_root.as_slice())
        .bind(header.prev_hash.as_slice())
        .bind(header.writer_time.timestamp_micros())
        .bind(header.key_id.as_deref())
        .bind(header.stream_id)
        .bind(header.batch_no)
}
