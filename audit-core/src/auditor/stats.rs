//! The accounts.

/// The accounts of an auditor, all of one instant.
///
/// `emitted = stored + waiting + dead_lettered + dropped` holds at every observation; see
/// [`Stats::is_balanced`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Entries made, the writer's own included.
    pub emitted: u64,
    /// Entries that the store has committed.
    pub stored: u64,
    /// Entries in the queue, or in a batch that is not stored yet.
    pub waiting: u64,
    /// Entries that the store refused and keeps apart.
    pub dead_lettered: u64,
    /// Entries that found no place in the queue, or no writer. An `audit.gap` entry tells of them.
    pub dropped: u64,
    /// Entries without an actor.
    pub unattributed: u64,
    /// The most entries that ever waited at once; those in batches count, beyond what the queue holds.
    pub queue_high_water: u64,
    /// Batches stored.
    pub batches: u64,
    /// Attempts to store a batch that failed, or were not answered.
    pub retries: u64,
    /// What the last failed attempt came back with.
    pub last_error: Option<String>,
}

impl Stats {
    /// Whether every entry is accounted for.
    #[must_use]
    pub const fn is_balanced(&self) -> bool {
        self.emitted == self.stored + self.waiting + self.dead_lettered + self.dropped
    }
}
