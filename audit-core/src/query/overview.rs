//! What the rows of a query are like, at a glance.

use chrono::{DateTime, Utc};

use super::Count;
use super::tally::{By, Tally};

/// What the rows of a query are like: when they were, and how many there are of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overview {
    /// Of which rows this is told.
    pub basis: Basis,
    /// How many there are.
    pub total: Count,
    /// The rows over time, oldest first; all bars but the first and the last are equally long.
    pub bars: Vec<Bar>,
    /// By action, actor, target type and outcome: the most frequent values.
    pub tallies: Vec<(By, Tally)>,
}

/// Of which rows an [`Overview`] is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Basis {
    /// Of all, counted one by one.
    All,
    /// Of so many of the newest ones.
    Newest(u64),
    /// Of all, judged by those of parts of the time.
    Parts,
}

/// The rows of a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bar {
    /// The first instant.
    pub since: DateTime<Utc>,
    /// The first instant behind it.
    pub until: DateTime<Utc>,
    /// How many rows there are.
    pub rows: u64,
    /// Those among them that were not done: failed, denied, cancelled or panicked.
    pub undone: u64,
}

/// Most bars, and most values of a tally.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) bars: usize,
    pub(super) values: usize,
}
