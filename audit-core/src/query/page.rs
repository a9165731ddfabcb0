//! What is answered.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{Cursor, Query};
use crate::Row;

/// A page of the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// The rows, in the order that was asked for.
    pub rows: Vec<Row>,
    /// What [`Query::after`] takes for the next page; `None` when there is none.
    pub next: Option<Cursor>,
    /// What [`Query::before`] takes for the page before; `None` when this is the first.
    pub previous: Option<Cursor>,
    /// How far was searched, where the time was up before the page was full: no entry between the page's last and this
    /// time is meant. The page goes on at `next` (at `previous`, where the page was asked for by [`Query::before`]).
    pub searched_to: Option<DateTime<Utc>>,
}

/// What was read for a page, in the order of reading.
pub(super) struct Reading {
    /// One row more than the page holds, where there are so many.
    pub(super) rows: Vec<Row>,
    /// Where the search ended that ran out of time.
    pub(super) stopped: Option<Cursor>,
}

impl Page {
    pub(super) fn of(query: &Query, Reading { mut rows, stopped }: Reading) -> Self {
        let limit = query.row_limit() as usize;
        let full = rows.len() > limit;
        rows.truncate(limit);
        let onwards = if full { rows.last().map(Cursor::of) } else { stopped };
        let back = query.place().map(|place| {
            // Beyond an empty page lies the row at whose place it begins.
            rows.first().map_or_else(|| query.travel().just_before(place), Cursor::of)
        });
        let (next, previous) = if query.is_backwards() { (back, onwards) } else { (onwards, back) };
        if query.is_backwards() {
            rows.reverse();
        }
        let searched_to = stopped.filter(|_| !full).map(|cursor| cursor.created_at);
        Self { rows, next, previous, searched_to }
    }
}

/// How many rows a query has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Count {
    /// So many, at the time of asking.
    Exact(u64),
    /// So many or more: counting stopped when its time was up.
    AtLeast(u64),
    /// About so many, judged by those of a part of the time that was asked about.
    Estimated(u64),
}

impl Count {
    /// The number, however sure it is.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Exact(count) | Self::AtLeast(count) | Self::Estimated(count) => count,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(count) => write!(f, "{count}"),
            Self::AtLeast(count) => write!(f, "at least {count}"),
            Self::Estimated(count) => write!(f, "about {count}"),
        }
    }
}
