//! Who answers.

use std::time::Duration;

use super::{Count, Page, Query};
use crate::store::{BoxFuture, Schema, StoreError};

/// How long one page, or one count, may take.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// What each kind of store does for a reader.
pub(super) trait Source: std::fmt::Debug + Send + Sync {
    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>>;
    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Count, StoreError>>;
}

/// Reads the log of one store over one connection; questions asked at once are answered one after the other.
#[derive(Debug)]
pub struct Reader {
    source: Box<dyn Source>,
}

impl Reader {
    /// Connects to the log at a URL ([`store::open`](crate::store::open) says which there are). The reader's role
    /// suffices, and a file of SQLite has to be there.
    ///
    /// # Errors
    ///
    /// When the URL is no store's, or the store cannot be reached.
    pub async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        #[cfg(feature = "postgres")]
        if crate::store::postgres::serves(url) {
            return Ok(Self { source: Box::new(super::postgres::Postgres::connect(url, schema).await?) });
        }
        #[cfg(feature = "sqlite")]
        if crate::store::sqlite::serves(url) {
            return Ok(Self { source: Box::new(super::sqlite::Sqlite::connect(url).await?) });
        }
        let _ = schema;
        Err(crate::store::unknown_kind(url))
    }

    /// The rows that a query asks for, newest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, its tables are not this program's, or the answer takes longer than 10 seconds.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the connection; the next question opens another.
    pub async fn page(&self, query: &Query) -> Result<Page, StoreError> {
        self.source.page(query).await
    }

    /// How many rows a query has, its limit and cursor aside. Counting stops at [`Count::MOST`].
    ///
    /// # Errors
    ///
    /// As [`Reader::page`].
    ///
    /// # Cancellation
    ///
    /// As [`Reader::page`].
    pub async fn count(&self, query: &Query) -> Result<Count, StoreError> {
        self.source.count(&query.clone().whole()).await
    }
}
