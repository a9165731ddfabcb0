//! Where the tree is, and what a sealer does there.

use std::sync::Arc;

use uuid::Uuid;

use crate::batch::Hash;
use crate::store::{BoxFuture, Schema, StoreError, by_kind};

/// Most headers that one call puts into the tree, and most leaves that one call gives back.
pub(super) const PAGE: u32 = 10_000;

/// Where a log is whose headers are sealed.
pub(crate) trait Place: Send + Sync + 'static {
    /// Where it is, for logs; never a password.
    fn describe(&self) -> String;

    /// Opens a connection.
    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Tree>, StoreError>>;
}

/// A connection to the tree. After an error, or dropped, a call may have had its effect, which is harmless: connect and
/// go on.
pub(crate) trait Tree: Send + Sync {
    /// Whether this user may seal.
    fn may_seal(&mut self) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Puts headers into the tree, at most [`PAGE`]: in each stream those that follow, without a gap, what of it is there
    /// already. Whatever was committed by a transaction below `watermark` is there, or behind such a gap.
    fn seal(&mut self, watermark: u64) -> BoxFuture<'_, Result<Step, StoreError>>;

    /// At most [`PAGE`] leaves from a place on.
    fn leaves(&mut self, from: u64) -> BoxFuture<'_, Result<Vec<Leaf>, StoreError>>;

    /// The checkpoint of the largest tree.
    fn newest_checkpoint(&mut self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>>;

    /// Writes a checkpoint, unless there is one of this size.
    fn write<'a>(&'a mut self, checkpoint: &'a Stored) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Says good-bye to the server.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What became of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Headers were put into the tree.
    Sealed {
        /// How many.
        headers: u64,
        /// Where the next call begins.
        watermark: u64,
        /// Whether nothing was left out because there was too much.
        is_whole: bool,
    },
    /// Somebody else is at it.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "SQLite waits for its one writer"))]
    Busy,
}

/// A leaf of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) stream_id: Uuid,
    pub(crate) batch_no: i64,
    pub(crate) hash: Hash,
}

/// A checkpoint as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) watermark: u64,
    /// The signed note.
    pub(crate) note: String,
    /// The complete subtrees of the tree, from which a sealer goes on after it has checked them.
    pub(crate) frontier: Vec<u8>,
}

/// The log at a URL.
pub(crate) fn open(url: &str, schema: &Schema) -> Result<Arc<dyn Place>, StoreError> {
    by_kind!(url, schema,
        postgres => Ok(Arc::new(super::postgres::Postgres::new(url, schema)?)),
        sqlite => Ok(Arc::new(super::sqlite::Sqlite::new(url)?)),
    )
}
