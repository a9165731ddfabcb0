//! What is read of a log.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Break;
use crate::batch::{Hash, Header, HeaderKind};
use crate::store::{BoxFuture, Schema, StoreError, dead_letter};
use crate::{Row, encoding};

/// How many rows or headers are read at once.
pub(super) const PAGE: u32 = 2_000;

/// A header as the log holds it.
#[derive(Debug, Clone)]
pub(super) struct StoredHeader {
    pub(super) header: Header,
    /// When the database took the batch.
    pub(super) db_time: DateTime<Utc>,
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
}

/// A dead letter, and the leaf that its row has now.
#[derive(Debug, Clone)]
pub(super) struct DeadLetter {
    pub(super) stream_id: Uuid,
    pub(super) batch_no: i64,
    pub(super) idx: i32,
    /// Nothing where it cannot be computed, or is not the one that stands beside it.
    pub(super) leaf: Option<Hash>,
}

/// Rows that are still to be decoded and hashed, which another thread can do.
pub(super) type RowPage = Box<dyn FnOnce() -> Vec<Result<Proven, Break>> + Send>;

/// One snapshot of a log. Each method gives the next page of what it names; at the end, nothing.
pub(super) trait Source: Send {
    /// By stream and number.
    fn headers(&mut self) -> BoxFuture<'_, Result<Vec<Result<StoredHeader, Break>>, StoreError>>;
    /// By the time of the first row.
    fn headers_in_time(&mut self) -> BoxFuture<'_, Result<Vec<Result<StoredHeader, Break>>, StoreError>>;
    /// By time of creation.
    fn rows(&mut self) -> BoxFuture<'_, Result<Option<RowPage>, StoreError>>;
    fn dead_letters(&mut self) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>>;
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

pub(super) async fn open(url: &str, schema: &Schema) -> Result<Box<dyn Source>, StoreError> {
    #[cfg(feature = "postgres")]
    if crate::store::postgres::serves(url) {
        return Ok(Box::new(super::postgres::Postgres::open(url, schema).await?));
    }
    #[cfg(feature = "sqlite")]
    if crate::store::sqlite::serves(url) {
        return Ok(Box::new(super::sqlite::Sqlite::open(url).await?));
    }
    let _ = schema;
    Err(crate::store::unknown_kind(url))
}

impl Proven {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            id: row.id,
            created_at: row.created_at,
            recorded_at: row.recorded_at,
            stream_id: row.stream_id,
            seq: row.seq,
            leaf: encoding::row_leaf(row).filter(|_| row.redacted.is_none()),
        }
    }
}

impl DeadLetter {
    pub(super) fn of(stream_id: Uuid, batch_no: i64, idx: i32, leaf: &[u8], encoded: &[u8]) -> Self {
        let row = dead_letter::decode(encoded).filter(|row| row.stream_id == stream_id);
        let leaf = row.and_then(|row| encoding::row_leaf(&row)).filter(|now| now.as_slice() == leaf);
        Self { stream_id, batch_no, idx, leaf }
    }
}

/// The columns of a header, however a store holds them.
pub(super) struct Columns {
    pub(super) stream_id: Uuid,
    pub(super) batch_no: i64,
    pub(super) kind: String,
    pub(super) first_seq: i64,
    pub(super) n: i64,
    pub(super) first_created: DateTime<Utc>,
    pub(super) last_created: DateTime<Utc>,
    pub(super) rows_root: Vec<u8>,
    pub(super) prev_hash: Vec<u8>,
    pub(super) writer_time: DateTime<Utc>,
    pub(super) key_id: Option<String>,
    pub(super) sig: Option<Vec<u8>>,
    pub(super) db_time: DateTime<Utc>,
}

impl Columns {
    pub(super) fn header(self) -> Result<StoredHeader, Break> {
        let Self { stream_id, batch_no, .. } = self;
        let refuse = |column: &str| Break::Unreadable {
            what: format!("{column} of the header of batch {batch_no} of stream {stream_id} cannot be read"),
        };
        let header = Header {
            stream_id,
            batch_no,
            kind: HeaderKind::ALL.into_iter().find(|kind| kind.as_str() == self.kind).ok_or_else(|| refuse("kind"))?,
            first_seq: self.first_seq,
            n: i32::try_from(self.n).ok().filter(|n| *n >= 0).ok_or_else(|| refuse("n"))?,
            first_created: self.first_created,
            last_created: self.last_created,
            rows_root: self.rows_root.try_into().map_err(|_| refuse("rows_root"))?,
            prev_hash: self.prev_hash.try_into().map_err(|_| refuse("prev_hash"))?,
            writer_time: self.writer_time,
            key_id: self.key_id,
            sig: self.sig,
        };
        Ok(StoredHeader { header, db_time: self.db_time })
    }
}
