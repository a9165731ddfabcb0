//! Where rows are that lose values.

use uuid::Uuid;

use super::compute::Change;
use crate::Row;
use crate::store::{BoxFuture, Schema, StoreError, by_kind};

/// A connection by which values are erased.
pub(super) trait Place: Send {
    /// The row of this id.
    fn row(&mut self, id: Uuid) -> BoxFuture<'_, Result<Option<Row>, StoreError>>;

    /// The hold that the row is under.
    fn hold<'a>(&'a mut self, row: &'a Row) -> BoxFuture<'a, Result<Option<Uuid>, StoreError>>;

    /// Changes the row, in one transaction that keeps its leaf. False where it is not as it was any more: look again.
    fn change<'a>(&'a mut self, row: &'a Row, change: &'a Change) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Lets the files forget what was erased. Gives back the partitions that somebody else has to see to.
    fn forget(&mut self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// Says good-bye to the server.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

pub(super) async fn open(url: &str, schema: &Schema) -> Result<Box<dyn Place>, StoreError> {
    by_kind!(url, schema,
        postgres => Ok(Box::new(super::postgres::Postgres::connect(url, schema).await?)),
        sqlite => Ok(Box::new(super::sqlite::Sqlite::connect(url).await?)),
    )
}
