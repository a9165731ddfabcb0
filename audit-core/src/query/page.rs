//! What is answered.

use std::fmt;

use super::Cursor;
use crate::Row;

/// A page of the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// The rows, newest first: by `created_at`, and where that is equal by `id`.
    pub rows: Vec<Row>,
    /// Where the next page begins; `None` when there is no older row.
    pub next: Option<Cursor>,
}

impl Page {
    /// Cuts a page out of rows of which one more than asked for was read.
    pub(super) fn cut(mut rows: Vec<Row>, limit: u32) -> Self {
        let limit = limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(Cursor::after) } else { None };
        Self { rows, next }
    }
}

/// How many rows a query has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Count {
    /// So many, at the time of asking.
    Exact(u64),
    /// So many or more: counting stopped there.
    AtLeast(u64),
}

impl Count {
    /// Where counting stops.
    pub const MOST: u64 = 10_000;

    /// Rows that are counted at most: one more than told.
    pub(super) const LIMIT: i64 = Self::MOST.cast_signed() + 1;

    /// The count of rows of which at most [`Count::LIMIT`] were counted.
    pub(super) const fn of(counted: i64) -> Self {
        if counted == Self::LIMIT { Self::AtLeast(Self::MOST) } else { Self::Exact(counted.unsigned_abs()) }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(count) => write!(f, "{count}"),
            Self::AtLeast(count) => write!(f, "at least {count}"),
        }
    }
}
