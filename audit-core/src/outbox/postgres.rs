//! Writing into the outbox of a PostgreSQL database.

use std::fmt::Write as _;

use chrono::SecondsFormat;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use super::transaction::through_connection;
use super::{Record, Settings};
use crate::store::StoreError;
use crate::store::postgres::store_error;

/// On which commits are told, with the schema's name.
pub(super) const CHANNEL: &str = "audit_outbox";

through_connection!(write, PgConnection: Transaction<'_, Postgres>, PoolConnection<Postgres>);

async fn write(connection: &mut PgConnection, record: &Record, settings: &Settings) -> Result<(), StoreError> {
    let written = sqlx::raw_sql(AssertSqlSafe(statement(record, settings))).execute(connection).await;
    written.map(drop).map_err(|error| refused(settings, error))
}

/// One round trip, and nothing that a pooler could part from its session. The entry travels in hexadecimal, so that no
/// setting of the caller's session (`standard_conforming_strings`, say) makes it anything but a text.
pub(super) fn statement(record: &Record, settings: &Settings) -> String {
    let schema = settings.schema.quoted();
    let mut sql = format!(
        "INSERT INTO {schema}.audit_outbox (id, created_at, salt, entry)
         VALUES ('{}', '{}', decode('{}', 'hex'), convert_from(decode('{}', 'hex'), 'UTF8')::jsonb)",
        record.id,
        record.created_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        hex(&record.salt),
        hex(record.entry.as_bytes()),
    );
    if settings.notify {
        // Delivered when the transaction commits, and once for all the entries of one.
        let _ = write!(sql, "; NOTIFY {CHANNEL}, '{}'", settings.schema.as_str());
    }
    sql
}

pub(super) fn refused(settings: &Settings, error: sqlx::Error) -> StoreError {
    store_error(format!("cannot write an entry into {}.audit_outbox", settings.schema.as_str()), error)
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes every text");
    }
    text
}
