//! Where the log is that rows are moved into.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::batch::Header;
use crate::store::{BoxFuture, Schema, StoreError, by_kind};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::{
    store::{Columns, ErrorClass},
    verify::decode,
};

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) const LOOK: &str = "cannot look for imported rows";

/// Id and time of a row.
pub(super) type Key = (Uuid, DateTime<Utc>);

/// A connection to a log.
pub(super) trait Place: Send {
    /// The last header of a stream, if it has begun.
    fn last_header(&mut self, stream_id: Uuid) -> BoxFuture<'_, Result<Option<Header>, StoreError>>;

    /// Which of these rows the log holds, and in which streams; dead letters of this stream included.
    fn known<'a>(
        &'a mut self,
        stream_id: Uuid,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<HashMap<Uuid, Uuid>, StoreError>>;

    /// Makes the partitions that rows of these times need, however old they are.
    fn make_room<'a>(&'a mut self, keys: &'a [Key]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// How many rows of a stream the log holds, dead letters included.
    fn count(&mut self, stream_id: Uuid) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Says good-bye to the server.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// A stored header.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) fn header(row: &impl Columns) -> Result<Header, StoreError> {
    decode::header(row)
        .map(|stored| stored.header)
        .map_err(|broken| StoreError::new(ErrorClass::Operator, LOOK, broken.to_string()))
}

/// Connects to the log at a URL.
pub(super) async fn connect(url: &str, schema: &Schema) -> Result<Box<dyn Place>, StoreError> {
    by_kind!(url, schema,
        postgres => Ok(Box::new(super::postgres::Postgres::connect(url, schema).await?)),
        sqlite => Ok(Box::new(super::sqlite::Sqlite::connect(url).await?)),
    )
}
