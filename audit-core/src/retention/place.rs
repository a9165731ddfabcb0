//! Where a log is that is pruned.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::pruning::StoredPruning;
use super::{Partition, PartitionInterval};
use crate::Row;
use crate::batch::Hash;
use crate::store::{BoxFuture, Schema, StoreError, by_kind};

/// Most leaves of the tree that are read at once.
pub(super) const PAGE: u32 = 10_000;

/// From the first on, before the second.
pub(super) type Bounds = (DateTime<Utc>, DateTime<Utc>);

/// A connection to a log. After an error it is of no more use: what was begun is undone once it is dropped.
pub(super) trait Place: Send {
    /// The partitions by time, judged by how long rows are kept.
    fn partitions(&mut self, keep: TimeDelta) -> BoxFuture<'_, Result<Vec<Partition>, StoreError>>;

    /// Sets how long partitions to come are, unless too many would be kept.
    fn set_interval(&mut self, interval: PartitionInterval, keep: TimeDelta) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The checkpoint of the largest tree.
    fn newest_checkpoint(&mut self) -> BoxFuture<'_, Result<Option<StoredCheckpoint>, StoreError>>;

    /// Begins a transaction in which a partition is pruned, if it may go: from here on nobody else puts rows into it.
    fn begin(&mut self, bounds: Bounds, keep: TimeDelta) -> BoxFuture<'_, Result<Begun, StoreError>>;

    /// How much of a partition's rows was erased: it only grows.
    fn erased(&mut self, bounds: Bounds) -> BoxFuture<'_, Result<i64, StoreError>>;

    /// The rows of the partition whose leaves have to be kept, by stream, batch and place.
    fn straddling(&mut self, bounds: Bounds) -> BoxFuture<'_, Result<Vec<Straddling>, StoreError>>;

    /// At most [`PAGE`] leaves of the tree from a place on.
    fn leaves(&mut self, from: u64) -> BoxFuture<'_, Result<Vec<Hash>, StoreError>>;

    /// Records the pruning, takes the rows out, and commits. Gives back the pruning's number.
    fn finish<'a>(
        &'a mut self,
        pruning: &'a StoredPruning,
        kept: &'a [KeptLeaf],
        keep: TimeDelta,
    ) -> BoxFuture<'a, Result<i64, StoreError>>;

    /// Says good-bye to the server.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What the database says when a pruning begins.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) rows: u64,
    pub(super) tree_size: u64,
    pub(super) pruned_at: DateTime<Utc>,
    pub(super) pruned_by: String,
}

/// A checkpoint as the log holds it, and the subtrees that stand beside it.
#[derive(Debug, Clone)]
pub(super) struct StoredCheckpoint {
    pub(super) note: String,
    pub(super) frontier: Vec<u8>,
}

/// A row, and where in its batch it stands.
#[derive(Debug, Clone)]
pub(super) struct Straddling {
    pub(super) row: Row,
    pub(super) batch_no: i64,
    pub(super) idx: i32,
}

/// A leaf that outlives its row.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptLeaf {
    pub(super) stream_id: Uuid,
    pub(super) batch_no: i64,
    pub(super) idx: i32,
    pub(super) hash: Hash,
}

/// Connects to the log at a URL.
pub(super) async fn connect(url: &str, schema: &Schema) -> Result<Box<dyn Place>, StoreError> {
    by_kind!(url, schema,
        postgres => Ok(Box::new(super::postgres::Postgres::connect(url, schema).await?)),
        sqlite => Ok(Box::new(super::sqlite::Sqlite::connect(url).await?)),
    )
}
