//! Writing into the outbox of an SQLite file.

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::transaction::through_connection;
use super::{Record, Settings};
use crate::store::StoreError;
use crate::store::sqlite::store_error;

through_connection!(write, SqliteConnection: Transaction<'_, Sqlite>, PoolConnection<Sqlite>);

/// With the entry's id, its time in microseconds, its salt and its text.
pub(super) const STATEMENT: &str = "INSERT INTO audit_outbox (id, created_at, salt, entry) VALUES (?, ?, ?, ?)";

async fn write(connection: &mut SqliteConnection, record: &Record, _: &Settings) -> Result<(), StoreError> {
    sqlx::query(STATEMENT)
        .bind(record.id)
        .bind(record.created_at.timestamp_micros())
        .bind(record.salt.as_slice())
        .bind(record.entry.as_str())
        .execute(connection)
        .await
        .map(drop)
        .map_err(refused)
}

pub(super) fn refused(error: sqlx::Error) -> StoreError {
    store_error("cannot write an entry into audit_outbox", error)
}
