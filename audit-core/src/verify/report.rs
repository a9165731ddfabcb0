//! What was looked at, and what was found.

use serde::Serialize;

use super::{Break, Redaction, Silence};
use crate::retention::Pruning;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Rows that were computed again.
    pub entries: u64,
    /// Rows that the headers promise, those that were pruned left out.
    pub promised: u64,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Streams with a header.
    pub streams: u64,
    /// Headers.
    pub batches: u64,
    /// Rows that the headers promise, those that are known to be lost left out.
    pub promised: u64,
    /// Rows in the log.
    pub entries: u64,
    /// Rows among the dead letters.
    pub dead_letters: u64,
    /// Batches that a damaged journal lost, and the log says so. That is no break.
    pub lost_batches: u64,
    /// Batches that were signed by a key that is trusted.
    pub signed_batches: u64,
    /// Batches that the database took more than five minutes after they were frozen: they waited in a journal, or a clock is
    /// wrong. That is no break.
    pub late_batches: u64,
    /// Rows, by their headers, that were imported: of any age, and as true as the log that they come from.
    pub imported: u64,
    /// Streams that fell silent without being closed. That is no break: whoever is killed says nothing.
    pub silent_streams: u64,
    /// The last of them, the newest first; at most [`Self::MOST_SILENCES`].
    pub silences: Vec<Silence>,
    /// Batches that are leaves of the tree.
    pub sealed_batches: u64,
    /// Batches that are not, the newest of their streams.
    pub unsealed_batches: u64,
    /// Checkpoints in the log.
    pub checkpoints: u64,
    /// Batches that the newest checkpoint in the log covers, which is signed by a key that is trusted, if any is.
    pub covered_batches: u64,
    /// Rows of which something was erased.
    pub redacted_rows: u64,
    /// The erasures that the log tells of, oldest first; at most [`Self::MOST_REDACTIONS`].
    pub redactions: Vec<Redaction>,
    /// What was pruned, by the log's own account, which is signed by a key that is trusted, if any is.
    pub prunings: Vec<Pruning>,
    /// Batches of which every row was pruned.
    pub pruned_batches: u64,
    /// What the tree is now, which the verifier should keep for the next time: a signed note if the newest checkpoint says
    /// just that, else the three lines of a checkpoint.
    pub head: String,
    /// What is not as it was frozen, in the order in which it was found; at most [`Self::MOST_BREAKS`].
    pub breaks: Vec<Break>,
    /// How many more there are.
    pub more_breaks: u64,
}

impl Report {
    /// Most erasures that a report lists.
    pub const MOST_REDACTIONS: usize = 100;
    /// Most silent streams that a report lists.
    pub const MOST_SILENCES: usize = 100;
    /// Most breaks that a report lists.
    pub const MOST_BREAKS: usize = 100;

    /// Whether nothing was found that is not as it was frozen.
    #[must_use]
    pub const fn is_intact(&self) -> bool {
        self.breaks.is_empty()
    }

    /// Rows that were pruned.
    #[must_use]
    pub fn pruned(&self) -> u64 {
        self.prunings.iter().map(|pruning| pruning.rows).fold(0, u64::saturating_add)
    }

    pub(super) fn add(&mut self, found: Break) {
        if self.breaks.contains(&found) {
            return;
        }
        if self.breaks.len() < Self::MOST_BREAKS {
            self.breaks.push(found);
        } else {
            self.more_breaks += 1;
        }
    }
}
