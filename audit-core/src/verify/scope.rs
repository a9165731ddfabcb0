//! Which rows are looked at.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::batch::Header;

/// Which rows are looked at; all, unless said. Headers, tree and checkpoints are looked at whole, always.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope {
    /// Rows of batches that hold any created then or later.
    pub(super) since: Option<DateTime<Utc>>,
    /// Rows of this stream.
    pub(super) stream: Option<Uuid>,
}

impl Scope {
    /// Whether the rows of a batch are looked at.
    pub(super) fn covers(&self, header: &Header) -> bool {
        self.since.is_none_or(|since| since <= header.last_created)
            && self.stream.is_none_or(|stream| stream == header.stream_id)
    }

    /// Whether some rows are not looked at.
    pub(super) const fn is_partial(&self) -> bool {
        self.since.is_some() || self.stream.is_some()
    }

    /// Whether a row that belongs to none of the batches that are looked at belongs to one that is not.
    pub(super) fn leaves_out(&self, created_at: DateTime<Utc>) -> bool {
        self.since.is_some_and(|since| created_at < since)
    }
}
