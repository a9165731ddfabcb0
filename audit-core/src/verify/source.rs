//! What is read of a log.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Break;
use super::redactions::Concern;
pub(super) use super::scope::Scope;
use super::twice::Sum;
use crate::batch::{Hash, Header};
use crate::retention::StoredPruning;
use crate::store::{BoxFuture, Schema, StoreError, by_kind, dead_letter};
use crate::{Metadata, Row, encoding};

/// The tables that hold what is verified, for SQL.
pub(super) const TABLES: &str = "'audit_logs', 'audit_batches', 'audit_dead_letters', 'audit_tree', 'audit_checkpoints', \
     'audit_prunings', 'audit_pruned_leaves'";

/// How many rows or headers are read at once.
pub(super) const PAGE: u32 = 2_000;

/// A header as the log holds it.
#[derive(Debug, Clone)]
pub(crate) struct StoredHeader {
    pub(crate) header: Header,
    /// When the database took the batch.
    pub(crate) db_time: DateTime<Utc>,
}

impl StoredHeader {
    pub(super) fn add_to(&self, sum: &mut Sum) {
        let sig = self.header.sig.as_deref().unwrap_or_default();
        let db_time = self.db_time.timestamp_micros().to_be_bytes();
        sum.add(&[&encoding::header_hash(&self.header), sig, &db_time]);
    }
}

/// A row as the log holds it, and the leaf that it has now.
#[derive(Debug, Clone)]
pub(super) struct Proven {
    pub(super) id: Uuid,
    pub(super) created_at: DateTime<Utc>,
    pub(super) recorded_at: Option<DateTime<Utc>>,
    pub(super) stream_id: Uuid,
    pub(super) seq: i64,
    pub(super) leaf: Option<Hash>,
    /// Whether it says itself that it was created long before it was frozen.
    pub(super) is_late: bool,
    pub(super) concern: Concern,
    /// Whether it lies where nobody who asks for its time looks.
    pub(super) is_misplaced: bool,
}

/// A dead letter, and the leaf that its row has now.
#[derive(Debug, Clone)]
pub(super) struct DeadLetter {
    pub(super) stream_id: Uuid,
    pub(super) batch_no: i64,
    pub(super) idx: i32,
    /// Nothing where it cannot be computed, or is not the one that stands beside it.
    pub(super) leaf: Option<Hash>,
    /// When the database took it.
    pub(super) db_time: DateTime<Utc>,
}

/// A leaf of the tree as the log holds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredLeaf {
    /// Its place in the tree.
    pub(super) leaf: i64,
    pub(super) stream_id: Uuid,
    pub(super) batch_no: i64,
    pub(super) hash: Hash,
}

impl StoredLeaf {
    /// The stream and number of its header.
    pub(super) const fn place(&self) -> (Uuid, i64) {
        (self.stream_id, self.batch_no)
    }

    pub(super) fn add_to(&self, sum: &mut Sum) {
        sum.add(&[&self.leaf.to_be_bytes(), self.stream_id.as_bytes(), &self.batch_no.to_be_bytes(), &self.hash]);
    }
}

/// The leaf of a row that was pruned, of a batch that has others.
#[derive(Debug, Clone, Copy)]
pub(super) struct PrunedLeaf {
    pub(super) stream_id: Uuid,
    pub(super) batch_no: i64,
    pub(super) pruning_no: i64,
    pub(super) idx: i32,
    pub(super) hash: Hash,
}

/// The same with the time of its batch's first row.
pub(super) type TimedLeaf = (DateTime<Utc>, PrunedLeaf);

/// A checkpoint as the log holds it.
#[derive(Debug, Clone)]
pub(super) struct StoredCheckpoint {
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) note: String,
    /// What a sealer put down of the tree.
    pub(super) frontier: Vec<u8>,
}

/// Rows that are still to be decoded and hashed, which another thread can do.
pub(super) type RowPage = Box<dyn FnOnce() -> Vec<Result<Proven, Break>> + Send>;

/// One snapshot of a log. Each method gives the next page of what it names; at the end, nothing. Of rows, and of headers in
/// time, it may leave out what the scope does not cover.
pub(super) trait Source: Send {
    /// What about the tables themselves is not as a migration made them: those that can show others something else, such as views,
    /// and rows whose keys are none.
    fn tables(&mut self) -> BoxFuture<'_, Result<Vec<Break>, StoreError>>;
    /// How many rows there are, counted without an index.
    fn count(&mut self) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// By stream and number.
    fn headers(&mut self) -> BoxFuture<'_, Result<Vec<Result<StoredHeader, Break>>, StoreError>>;
    /// By the time of the first row.
    fn headers_in_time(&mut self) -> BoxFuture<'_, Result<Vec<Result<StoredHeader, Break>>, StoreError>>;
    /// By time of creation.
    fn rows(&mut self) -> BoxFuture<'_, Result<Option<RowPage>, StoreError>>;
    fn dead_letters(&mut self) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>>;
    /// By stream and number.
    fn leaves_by_batch(&mut self) -> BoxFuture<'_, Result<Vec<StoredLeaf>, StoreError>>;
    /// By place.
    fn leaves_in_order(&mut self) -> BoxFuture<'_, Result<Vec<StoredLeaf>, StoreError>>;
    /// By size.
    fn checkpoints(&mut self) -> BoxFuture<'_, Result<Vec<StoredCheckpoint>, StoreError>>;
    fn newest_checkpoint(&mut self) -> BoxFuture<'_, Result<Option<StoredCheckpoint>, StoreError>>;
    fn prunings(&mut self) -> BoxFuture<'_, Result<Vec<StoredPruning>, StoreError>>;
    /// By stream, batch and place.
    fn pruned_leaves(&mut self) -> BoxFuture<'_, Result<Vec<PrunedLeaf>, StoreError>>;
    /// By the time of their batch's first row, which comes with them.
    fn pruned_leaves_in_time(&mut self) -> BoxFuture<'_, Result<Vec<TimedLeaf>, StoreError>>;
    /// The row of this id.
    fn row(&mut self, id: Uuid) -> BoxFuture<'_, Result<Option<Row>, StoreError>>;
    /// The header of the batch that a row of this number belongs to.
    fn batch_of(&mut self, stream_id: Uuid, seq: i64) -> BoxFuture<'_, Result<Option<StoredHeader>, StoreError>>;
    /// Headers of batches that can have rows created from `since` on and before `until`, by their place in the tree, those behind
    /// `after`.
    fn sealed_between(
        &mut self,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
        after: i64,
    ) -> BoxFuture<'_, Result<Vec<(i64, StoredHeader)>, StoreError>>;
    /// A batch's rows, without its dead letters.
    fn rows_of<'a>(&'a mut self, header: &'a Header) -> BoxFuture<'a, Result<Vec<Row>, StoreError>>;
    /// Places and leaves of a batch's rows, dead letters and pruned rows included.
    fn leaves_of<'a>(&'a mut self, header: &'a Header) -> BoxFuture<'a, Result<Vec<(u64, Hash)>, StoreError>>;
    /// The place of a header in the tree.
    fn leaf_of(&mut self, stream_id: Uuid, batch_no: i64) -> BoxFuture<'_, Result<Option<u64>, StoreError>>;
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

pub(super) async fn open(url: &str, schema: &Schema, scope: &Scope) -> Result<Box<dyn Source>, StoreError> {
    by_kind!(url, (schema, scope),
        postgres => Ok(Box::new(super::postgres::Postgres::open(url, schema, scope).await?)),
        sqlite => Ok(Box::new(super::sqlite::Sqlite::open(url, scope).await?)),
    )
}

impl Proven {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            id: row.id,
            created_at: row.created_at,
            recorded_at: row.recorded_at,
            stream_id: row.stream_id,
            seq: row.seq,
            leaf: encoding::row_leaf(row),
            // Marks that were erased may have said so.
            is_late: row.metadata.is_marked(Metadata::LATE) || has_erased_marks(row),
            concern: Concern::of(row),
            is_misplaced: false,
        }
    }
}

fn has_erased_marks(row: &Row) -> bool {
    let erased = row.redacted.as_ref().and_then(|redacted| redacted.get("erased"));
    erased.is_some_and(|erased| erased.get(format!("metadata.{}", Metadata::MARKS)).is_some())
}

impl DeadLetter {
    /// The leaf of the row in its bytes, if that is the one that stands beside it.
    pub(super) fn leaf(stream_id: Uuid, leaf: &[u8], encoded: &[u8]) -> Option<Hash> {
        let row = dead_letter::decode(encoded).filter(|row| row.stream_id == stream_id);
        row.and_then(|row| encoding::row_leaf(&row)).filter(|now| now.as_slice() == leaf)
    }
}

/// Where in its batch each row stands, and its leaf; what has none is left out.
pub(super) fn places(
    header: &Header,
    rows: impl Iterator<Item = Proven>,
    letters: impl Iterator<Item = DeadLetter>,
    pruned: impl Iterator<Item = PrunedLeaf>,
) -> Vec<(u64, Hash)> {
    let rows = rows.map(|row| (row.seq.saturating_sub(header.first_seq), row.leaf));
    let letters = letters.map(|letter| (letter.idx.into(), letter.leaf));
    let pruned = pruned.map(|leaf| (leaf.idx.into(), Some(leaf.hash)));
    rows.chain(letters).chain(pruned).filter_map(|(place, leaf)| Some((u64::try_from(place).ok()?, leaf?))).collect()
}
