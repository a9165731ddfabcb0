//! Writing into the outbox of whichever database a program has found.

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Transaction};

use super::transaction::through_connection;
use super::{Record, Settings};
use crate::store::{ErrorClass, StoreError};

through_connection!(write, AnyConnection: Transaction<'_, Any>, PoolConnection<Any>);

#[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "SQLite has no settings"))]
async fn write(connection: &mut AnyConnection, record: &Record, settings: &Settings) -> Result<(), StoreError> {
    match connection.backend_name() {
        #[cfg(feature = "postgres")]
        "PostgreSQL" => {
            use super::postgres::{refused, statement};
            let sql = sqlx::AssertSqlSafe(statement(record, settings));
            sqlx::raw_sql(sql).execute(connection).await.map(drop).map_err(|error| refused(settings, error))
        }
        #[cfg(feature = "sqlite")]
        "SQLite" => sqlx::query(super::sqlite::STATEMENT)
            .bind(record.id.as_bytes().as_slice())
            .bind(record.created_at.timestamp_micros())
            .bind(record.salt.as_slice())
            .bind(record.entry.as_str())
            .execute(connection)
            .await
            .map(drop)
            .map_err(super::sqlite::refused),
        name => {
            let reason =
                format!("there is no outbox in {name}: use PostgreSQL or SQLite, and the feature of that name");
            Err(StoreError::new(ErrorClass::Operator, "cannot write an entry into audit_outbox", reason))
        }
    }
}
