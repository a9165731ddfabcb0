//! Times as PostgreSQL holds them.

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// 2000-01-01T00:00:00Z, from which PostgreSQL counts, in µs since 1970.
pub(super) const EPOCH_2000: i64 = 946_684_800_000_000;

/// A column of the type `timestamptz`. sqlx panics over `infinity` and times close to it, which nobody but an intruder
/// writes.
pub(crate) fn time(row: &PgRow, column: &'static str) -> Result<DateTime<Utc>, sqlx::Error> {
    let micros: i64 = row.try_get_unchecked(column)?;
    micros
        .checked_add(EPOCH_2000)
        .and_then(DateTime::from_timestamp_micros)
        .ok_or_else(|| sqlx::Error::ColumnDecode { index: column.to_owned(), source: "no time".into() })
}
