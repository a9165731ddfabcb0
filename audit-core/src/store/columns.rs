//! The columns of a row, in the types that every store has.

use chrono::{DateTime, Utc};
use sqlx::{Error, Row as _};
use uuid::Uuid;

use crate::batch::Hash;

/// A row that a store gives back. Its addresses and JSON are selected as text.
pub(crate) trait Columns {
    /// Whether JSON and addresses stand in the store as the text that a writer sent. Otherwise they are of types of the store's own,
    /// which it writes in its own way.
    const KEEPS_TEXT: bool;

    fn text(&self, column: &'static str) -> Result<String, Error>;
    fn text_if_any(&self, column: &'static str) -> Result<Option<String>, Error>;
    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, Error>;
    fn bytes_if_any(&self, column: &'static str) -> Result<Option<Vec<u8>>, Error>;
    fn uuid(&self, column: &'static str) -> Result<Uuid, Error>;
    fn uuid_if_any(&self, column: &'static str) -> Result<Option<Uuid>, Error>;
    /// `integer` in PostgreSQL.
    fn small(&self, column: &'static str) -> Result<i32, Error>;
    /// `bigint` in PostgreSQL.
    fn number(&self, column: &'static str) -> Result<i64, Error>;
    fn number_if_any(&self, column: &'static str) -> Result<Option<i64>, Error>;
    fn time(&self, column: &'static str) -> Result<DateTime<Utc>, Error>;

    /// A CHECK of the table's holds it to its length.
    fn hash(&self, column: &'static str) -> Result<Hash, Error> {
        self.bytes(column)?.try_into().map_err(|_| Error::Decode("a hash has 32 bytes".into()))
    }
}

macro_rules! columns_of {
    ($row:ty, $time:path, $keeps_text:literal) => {
        impl Columns for $row {
            const KEEPS_TEXT: bool = $keeps_text;

            fn text(&self, column: &'static str) -> Result<String, Error> {
                self.try_get(column)
            }

            fn text_if_any(&self, column: &'static str) -> Result<Option<String>, Error> {
                self.try_get(column)
            }

            fn bytes(&self, column: &'static str) -> Result<Vec<u8>, Error> {
                self.try_get(column)
            }

            fn bytes_if_any(&self, column: &'static str) -> Result<Option<Vec<u8>>, Error> {
                self.try_get(column)
            }

            fn uuid(&self, column: &'static str) -> Result<Uuid, Error> {
                self.try_get(column)
            }

            fn uuid_if_any(&self, column: &'static str) -> Result<Option<Uuid>, Error> {
                self.try_get(column)
            }

            fn small(&self, column: &'static str) -> Result<i32, Error> {
                self.try_get(column)
            }

            fn number(&self, column: &'static str) -> Result<i64, Error> {
                self.try_get(column)
            }

            fn number_if_any(&self, column: &'static str) -> Result<Option<i64>, Error> {
                self.try_get(column)
            }

            fn time(&self, column: &'static str) -> Result<DateTime<Utc>, Error> {
                $time(self, column)
            }
        }
    };
}

#[cfg(feature = "postgres")]
columns_of!(sqlx::postgres::PgRow, super::postgres::time, false);
#[cfg(feature = "sqlite")]
columns_of!(sqlx::sqlite::SqliteRow, crate::query::sqlite::time, true);
