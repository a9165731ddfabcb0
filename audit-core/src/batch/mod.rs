//! Entries frozen together: the one unit of delivery.
//!
//! A batch is numbered within its stream, hashed, and never cut again: a retry sends the same bytes.
//! [`encoding`] says what is hashed.

mod freezer;
mod lost;
mod signature;

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use freezer::Freezer;
pub(crate) use freezer::{Draft, LATE_AFTER};
pub(crate) use lost::UNKNOWN;

use crate::{Row, encoding, merkle};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Entries frozen together.
#[derive(Debug, Clone)]
pub struct Batch {
    pub(crate) header: Header,
    pub(crate) header_hash: Hash,
    pub(crate) rows: Vec<FrozenRow>,
}

impl Batch {
    /// The batch that a header was made for, out of the same rows; none if they are not the same.
    pub(crate) fn again(header: Header, drafts: Vec<Draft>) -> Option<Self> {
        let rows = Draft::all_frozen(drafts, header.stream_id, header.first_seq);
        let is_same = usize::try_from(header.n).is_ok_and(|n| n == rows.len())
            && merkle::root(rows.iter().map(|row| row.leaf)) == header.rows_root;
        is_same.then(|| Self { header_hash: encoding::header_hash(&header), header, rows })
    }

    /// What is said of the rows as a whole.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The hash by which the next batch of the stream names this one.
    #[must_use]
    pub const fn header_hash(&self) -> &Hash {
        &self.header_hash
    }

    /// The rows, in the order of `seq`.
    #[must_use]
    pub fn rows(&self) -> &[FrozenRow] {
        &self.rows
    }
}

/// A row with what freezing made of it.
#[derive(Debug, Clone)]
pub struct FrozenRow {
    /// The columns.
    pub row: Row,
    /// The leaf of the row in the batch's Merkle tree.
    pub leaf: Hash,
}

impl FrozenRow {
    /// The metadata as RFC 8785 JSON: the bytes that are stored.
    #[must_use]
    pub fn metadata(&self) -> &str {
        self.row.metadata.as_canonical()
    }
}

/// Version 1 of what a batch says of itself: one row of `audit_batches`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The ordered batches of one writer lane of one process start.
    pub stream_id: Uuid,
    /// Counts from 0 without gaps.
    pub batch_no: i64,
    /// What the batch is.
    pub kind: HeaderKind,
    /// `seq` of the first row.
    pub first_seq: i64,
    /// Number of rows; of a [`HeaderKind::Lost`] header, of rows that are missing.
    pub n: i32,
    /// The least `created_at` of the rows; the writer's time where there are none.
    pub first_created: DateTime<Utc>,
    /// The greatest `created_at` of the rows; the writer's time where there are none.
    pub last_created: DateTime<Utc>,
    /// The root of the RFC 6962 tree over the rows' leaves; of a [`HeaderKind::Lost`] header, the hash of the header that
    /// it stands for.
    pub rows_root: Hash,
    /// The hash of the header before; 32 zero bytes for batch 0.
    pub prev_hash: Hash,
    /// When the batch was frozen, by the writer's clock.
    pub writer_time: DateTime<Utc>,
    /// The key that signed, if any did.
    pub key_id: Option<String>,
    /// The Ed25519 signature, if there is a key.
    pub sig: Option<Vec<u8>>,
}

/// What a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderKind {
    /// Entries of a writer.
    Entries,
    /// Entries that committed with their callers' own transactions.
    Outbox,
    /// Rows of an earlier log: older than the batch, and rightly so.
    Import,
    /// The stream begins. Has no rows.
    Open,
    /// The stream ends, because its writer does. Has no rows.
    Close,
    /// Nothing was recorded for a while, and the writer lives. Has no rows.
    Heartbeat,
    /// Stands for a batch that was lost: its rows are nowhere.
    Lost,
}

impl HeaderKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Entries, Self::Outbox, Self::Import, Self::Open, Self::Close, Self::Heartbeat, Self::Lost];

    /// The text in the `kind` column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Outbox => "outbox",
            Self::Import => "import",
            Self::Open => "open",
            Self::Close => "close",
            Self::Heartbeat => "heartbeat",
            Self::Lost => "lost",
        }
    }

    /// Whether a header of this kind tells of its stream alone, and never of rows.
    #[must_use]
    pub const fn is_bare(self) -> bool {
        matches!(self, Self::Open | Self::Close | Self::Heartbeat)
    }

    /// The kind that the `kind` column names.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
