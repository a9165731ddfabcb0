//! How it is with a journal.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

/// How it is with a writer's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalStatus {
    /// Where the journals of all writers of the service lie.
    pub directory: PathBuf,
    /// Bytes in it, those of other writers and of damaged records included, as counted at most ten seconds ago.
    pub bytes: u64,
    /// How many there may be.
    pub limit: u64,
    /// When the oldest batch that this writer has in it was frozen.
    pub oldest: Option<DateTime<Utc>>,
    /// Damaged places that this process has found.
    pub damaged: u64,
    /// Files that could not be brought to the disk, hold batches that wait, and are written no more.
    pub untrusted: u64,
    /// Why it takes no batches, if it does not.
    pub refusal: Option<String>,
}

impl JournalStatus {
    /// Whether it is half full, which is time to act.
    #[must_use]
    pub const fn is_alarming(&self) -> bool {
        self.bytes >= self.limit / 2
    }
}
