//! The log as it grows.

use std::ops::Range;
use std::time::Duration;

use super::pages::Pages;
use super::sealed::{SealedBatch, keep_together};
use super::{Filter, Position, Query, Reader};
use crate::Row;
use crate::store::{ErrorClass, StoreError};

/// Follows the log: gives each entry that a filter means once, however late its transaction commits.
///
/// What is followed is not time but the [sealed](crate::seal) tree, to which batches are only ever added at the end: entries
/// come in its order, a fraction of a second after they were stored, and within a few batches by their time. In memory there
/// is one page of them. Where nobody seals, nothing comes; [`Reader::unsealed_since`] tells.
///
/// Rows that the table refused ([dead letters](crate::dead_letters)) do not come, unless they are in the log by then.
///
/// # Examples
///
/// ```no_run
/// # use audit_core::query::{Follow, Reader};
/// # async fn run(reader: &Reader) -> Result<(), Box<dyn std::error::Error>> {
/// // From now on; a position that was kept goes on where that was.
/// let mut follow = Follow::new("outcome:denied".parse()?, reader.end().await?);
/// loop {
///     let row = follow.next(reader).await?;
///     println!("{} {}; go on at {}", row.created_at, row.action, follow.position());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Follow {
    filter: Filter,
    position: Position,
    /// The batches that are being read.
    group: Option<Group>,
}

/// Batches that are read together.
#[derive(Debug)]
struct Group {
    leaves: Range<u64>,
    pages: Pages,
}

impl Follow {
    /// How long [`Follow::next`] waits before it looks again.
    pub const PACE: Duration = Duration::from_millis(200);

    /// From a position on: [`Position::START`], [`Reader::end`], or where an earlier one [was](Follow::position).
    #[must_use]
    pub const fn new(filter: Filter, position: Position) -> Self {
        Self { filter, position, group: None }
    }

    /// The next entry; waits for it.
    ///
    /// # Errors
    ///
    /// As [`Reader::page`]; and when the position is beyond the end of this log, because it is another's or was restored
    /// from an earlier state. The call may be repeated: nothing is left out.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no entry.
    pub async fn next(&mut self, reader: &Reader) -> Result<Row, StoreError> {
        loop {
            if let Some(row) = self.next_if_any(reader).await? {
                return Ok(row);
            }
            tokio::time::sleep(Self::PACE).await;
        }
    }

    /// The next entry of those that are sealed by now; `None` where there is none.
    ///
    /// # Errors
    ///
    /// As [`Follow::next`].
    ///
    /// # Cancellation
    ///
    /// As [`Follow::next`].
    pub async fn next_if_any(&mut self, reader: &Reader) -> Result<Option<Row>, StoreError> {
        loop {
            if self.group.is_none() {
                self.group = self.begin(reader).await?;
            }
            let Some(group) = &mut self.group else { return Ok(None) };
            if let Some((row, place)) = group.pages.next(reader).await? {
                self.position = Position::within(&group.leaves, place);
                return Ok(Some(row));
            }
            self.position = Position::at(group.leaves.end);
            self.group = None;
        }
    }

    /// Where to go on behind the entry that was given last.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The batches that are read next.
    async fn begin(&self, reader: &Reader) -> Result<Option<Group>, StoreError> {
        let from = self.position.leaf();
        let begun = self.position.begun();
        let (mut batches, end) = reader.sealed(from).await?;
        match begun {
            Some((behind, _)) => batches.retain(|batch| batch.leaf < behind),
            None => keep_together(&mut batches),
        }
        let Some(last) = batches.last() else {
            return if end < from { Err(beyond(self.position, end)) } else { Ok(None) };
        };
        let leaves = from..last.leaf + 1;
        batches.retain(SealedBatch::has_rows);
        let mut query = Query::from(self.filter.clone()).oldest_first().of(batches);
        if let Some((_, row)) = begun {
            query = query.after(row);
        }
        Ok(Some(Group { leaves, pages: Pages::new(query) }))
    }
}

fn beyond(position: Position, end: u64) -> StoreError {
    let reason = format!(
        "position {position} is beyond its end, {end}: the log is another one, or was restored from an earlier state; follow it \
         from its end, or from the start"
    );
    StoreError::new(ErrorClass::Operator, "cannot follow the log", reason)
}
