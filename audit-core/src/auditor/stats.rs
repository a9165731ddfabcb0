//! The accounts.

use chrono::{DateTime, Utc};

use super::Histogram;
use crate::store::ErrorClass;
use crate::writer::DropReason;

/// The accounts of an auditor, all of one instant.
///
/// `emitted + adopted + drained = stored + waiting + dead_lettered + dropped` holds at every observation; see
/// [`Stats::is_balanced`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Entries made, the writer's own included.
    pub emitted: u64,
    /// Entries taken over from the journals of processes that died.
    pub adopted: u64,
    /// Entries moved from the outbox to the log.
    pub drained: u64,
    /// Entries that the store has committed.
    pub stored: u64,
    /// Entries that are not stored yet: in the queue, in flight, or in the journal.
    pub waiting: u64,
    /// Of those waiting: entries in the queue, which no lane has taken yet.
    pub queued: u64,
    /// Of those waiting: entries in batches that a lane holds in memory.
    pub in_flight: u64,
    /// Of those waiting: entries in the journal, adopted ones included.
    pub journaled: u64,
    /// Bytes in the journal's directory, those of other writers included; 0 once the writer has gone.
    pub journal_bytes: u64,
    /// When the oldest batch was frozen that this writer has in the journal.
    pub journal_oldest: Option<DateTime<Utc>>,
    /// Entries that the store refused and keeps apart.
    pub dead_lettered: u64,
    /// Entries that will not be stored. An `audit.gap` entry tells of them.
    pub dropped: u64,
    /// The dropped ones, by reason.
    pub dropped_by: DroppedBy,
    /// Durable entries whose callers were not told in time that they are kept. They may be stored all the same.
    pub unconfirmed: u64,
    /// Calls and attempts that must not run, because they could not be announced durably (`durability = "before"`), and
    /// entries that were refused for want of the [required actor](crate::Builder::require_actor).
    pub refused: u64,
    /// Entries without an actor.
    pub unattributed: u64,
    /// The most entries that ever waited at once; those in batches count, beyond what the queue holds.
    pub queue_high_water: u64,
    /// Batches stored.
    pub batches: u64,
    /// How many entries each of them has.
    pub batch_entries: Histogram,
    /// µs from the first attempt to store a batch to its commit, pauses included; of a batch of the outbox, those of the last attempt.
    pub landing_us: Histogram,
    /// Attempts to store a batch that failed, or were not answered.
    pub retries: u64,
    /// What the last failed attempt came back with.
    pub last_error: Option<String>,
    /// What is to be done about it.
    pub last_error_class: Option<ErrorClass>,
}

impl Stats {
    /// Whether every entry is accounted for.
    #[must_use]
    pub const fn is_balanced(&self) -> bool {
        self.emitted + self.adopted + self.drained == self.stored + self.waiting + self.dead_lettered + self.dropped
    }
}

/// Dropped entries, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedBy {
    /// There was no place in the queue, and none within the overflow policy's bound.
    pub queue_full: u64,
    /// There was no writer: not yet, or not any more.
    pub no_writer: u64,
    /// The writer panicked over them.
    pub panicked: u64,
    /// The journal held them, and could not give them back.
    pub journal_damaged: u64,
    /// The process was forked from the one that has the writer. The log does not tell of these.
    pub forked: u64,
}

impl DroppedBy {
    /// Each reason as `audit.gap` entries name it, and its count.
    #[must_use]
    pub const fn by_reason(&self) -> [(&'static str, u64); 5] {
        [
            (DropReason::QueueFull.as_str(), self.queue_full),
            (DropReason::NoWriter.as_str(), self.no_writer),
            (DropReason::Panicked.as_str(), self.panicked),
            (DropReason::JournalDamaged.as_str(), self.journal_damaged),
            (DropReason::Forked.as_str(), self.forked),
        ]
    }

    /// The sum over all reasons.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.queue_full + self.no_writer + self.panicked + self.journal_damaged + self.forked
    }

    pub(crate) const fn add(&mut self, reason: DropReason, entries: u64) {
        let counter = match reason {
            DropReason::QueueFull => &mut self.queue_full,
            DropReason::NoWriter => &mut self.no_writer,
            DropReason::Panicked => &mut self.panicked,
            DropReason::JournalDamaged => &mut self.journal_damaged,
            DropReason::Forked => &mut self.forked,
        };
        *counter += entries;
    }
}
