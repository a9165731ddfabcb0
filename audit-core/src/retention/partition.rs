//! Partitions, how long each is, and why one stays.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// A part of the log that goes as a whole: in PostgreSQL a partition, in SQLite the rows of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Partition {
    /// Rows created then or later.
    pub lower_bound: DateTime<Utc>,
    /// Rows created before then.
    pub upper_bound: DateTime<Utc>,
    /// How many rows; in PostgreSQL the server's estimate where the partition is [`Stays::Young`].
    pub rows: u64,
    /// How large it is, indexes included, in bytes; SQLite does not tell.
    pub bytes: Option<u64>,
    /// Why it stays; nothing where it goes.
    pub stays: Option<Stays>,
}

/// Why a partition stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stays {
    /// It holds time within the limit.
    Young,
    /// Rows of it are under legal hold.
    Held,
    /// Rows of it belong to batches that are not in the tree yet, or to none.
    Unsealed,
}

impl fmt::Display for Stays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Young => "within the limit",
            Self::Held => "under legal hold",
            Self::Unsealed => "not sealed: audit seal --once",
        })
    }
}

/// How much time one partition of a PostgreSQL log holds. Weeks, unless said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionInterval {
    /// One hour.
    Hour,
    /// One day, by UTC.
    Day,
    /// From Monday to Sunday, by UTC.
    Week,
    /// A month of the calendar, by UTC.
    Month,
    /// An hour, a day or a week, by how many rows the last days brought: such that a partition stays below some five million,
    /// and that what is kept is sixty partitions at most. The partition in use and the next are there already, so that a rate
    /// that changes is followed after them.
    Auto,
}

/// A word that names no interval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write hour, day, week, month or auto")]
pub struct PartitionIntervalError;

impl PartitionInterval {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Auto => "auto",
        }
    }
}

impl FromStr for PartitionInterval {
    type Err = PartitionIntervalError;

    fn from_str(word: &str) -> Result<Self, PartitionIntervalError> {
        [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Auto]
            .into_iter()
            .find(|interval| interval.as_str() == word)
            .ok_or(PartitionIntervalError)
    }
}

impl fmt::Display for PartitionInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
