//! How many rows there are of each kind.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::Row;

/// What rows are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum By {
    /// The day of `created_at`, in UTC: `2026-11-23`.
    Day,
    /// The action.
    Action,
    /// Type and id of the actor: `user:user_123`.
    Actor,
    /// The outcome.
    Outcome,
    /// The kind of thing it was done to.
    TargetType,
}

impl By {
    /// What a row counts as; `None` where that was erased.
    pub(super) fn of(self, row: &Row) -> Option<String> {
        match self {
            Self::Day => Some(row.created_at.format("%Y-%m-%d").to_string()),
            Self::Action => Some(row.action.clone()),
            Self::Actor => row.actor_id.as_ref().map(|id| format!("{}:{id}", row.actor_type)),
            Self::Outcome => Some(row.outcome.to_string()),
            Self::TargetType => Some(row.target_type.clone()),
        }
    }
}

/// How many rows of a query there are of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Each value with its number of rows: days from the first on, everything else from the most frequent on. `None` stands for
    /// what was erased.
    pub counts: Vec<(Option<String>, u64)>,
    /// The rows of values that were not told apart, because there were too many.
    pub others: u64,
    /// How far back was counted, where the time was up before all was.
    pub counted_to: Option<DateTime<Utc>>,
}

/// Adds up what the statements count.
#[derive(Debug, Default)]
pub(super) struct Tallying {
    counts: HashMap<Option<String>, u64>,
    others: u64,
}

impl Tallying {
    /// Most values that are told apart.
    const MOST: usize = 100_000;

    pub(super) fn add(&mut self, value: Option<String>, rows: u64) {
        if let Some(count) = self.counts.get_mut(&value) {
            *count += rows;
        } else if self.counts.len() < Self::MOST {
            self.counts.insert(value, rows);
        } else {
            self.others += rows;
        }
    }

    pub(super) fn told(self, by: By, most: usize, counted_to: Option<DateTime<Utc>>) -> Tally {
        let mut counts: Vec<_> = self.counts.into_iter().collect();
        counts.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        let others = self.others + counts.drain(most.min(counts.len())..).map(|(_, count)| count).sum::<u64>();
        if by == By::Day {
            counts.sort_unstable();
        }
        Tally { counts, others, counted_to }
    }
}
