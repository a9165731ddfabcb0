//! Which way the log is read.

use uuid::Uuid;

use super::Cursor;

/// Which way time goes from one row to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Travel {
    /// Back in time.
    Older,
    /// Forward in time.
    Newer,
}

impl Travel {
    /// The order of `created_at` and `id`, in SQL.
    pub(super) const fn direction(self) -> &'static str {
        match self {
            Self::Older => "DESC",
            Self::Newer => "ASC",
        }
    }

    /// What a row's place compares as with the place that reading has reached, in SQL.
    pub(super) const fn beyond(self) -> &'static str {
        match self {
            Self::Older => "<",
            Self::Newer => ">",
        }
    }

    /// The place beyond which a page lies that has a row, however far this was read.
    pub(super) fn just_before(self, cursor: Cursor) -> Cursor {
        let number = cursor.id.as_u128();
        let neighbour = match self {
            Self::Older => number.saturating_sub(1),
            Self::Newer => number.saturating_add(1),
        };
        Cursor { id: Uuid::from_u128(neighbour), ..cursor }
    }

    /// The place reached when everything up to the end of a span has been read.
    pub(super) fn end_of(self, (since, until): (i64, i64)) -> Cursor {
        match self {
            Self::Older => Cursor::at(since, Uuid::nil()),
            Self::Newer => Cursor::at(until - 1, Uuid::max()),
        }
    }
}
