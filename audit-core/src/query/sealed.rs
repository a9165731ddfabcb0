//! Batches of the sealed tree, whose rows are read together.

use std::ops::Range;

use uuid::Uuid;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use super::spans::Span;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::store::Columns;

/// Most batches that are read together, and that one look at the tree gives back.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) const MOST: u32 = 32;
/// Most rows that are read together, unless one batch alone has more.
const ROWS: i64 = 1_000;
/// Batches further apart than this, in µs, are read one after the other: between them there may be much that is not theirs.
const APART: i64 = 60_000_000;

/// A batch of the tree, and where its rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SealedBatch {
    pub(super) leaf: u64,
    pub(super) stream_id: Uuid,
    /// Empty where it has no rows.
    pub(super) seqs: Range<i64>,
    /// When its rows were created, in µs since 1970: from the first, before the second.
    pub(super) created: (i64, i64),
}

/// The columns of [`SealedBatch::read`], of the tree (`t`) and the headers (`b`). What was lost has no rows.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) const COLUMNS: &str = "t.leaf, b.stream_id, b.first_seq, CAST(CASE b.kind WHEN 'lost' THEN 0 ELSE b.n END AS bigint) AS n, b.first_created, b.last_created";

/// How far a stream is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frontier {
    pub(super) stream_id: Uuid,
    /// The number before which all of its entries are in the tree.
    pub(super) seq: i64,
}

impl Frontier {
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn read(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self { stream_id: row.uuid("stream_id")?, seq: row.number("seq")? })
    }
}

impl SealedBatch {
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn read(row: &impl Columns) -> Result<Self, sqlx::Error> {
        let first = row.number("first_seq")?;
        let created = |column| row.time(column).map(|time| time.timestamp_micros());
        Ok(Self {
            leaf: row.number("leaf")?.unsigned_abs(),
            stream_id: row.uuid("stream_id")?,
            seqs: first..first.saturating_add(row.number("n")?),
            created: (created("first_created")?, created("last_created")?.saturating_add(1)),
        })
    }

    pub(super) fn has_rows(&self) -> bool {
        !self.seqs.is_empty()
    }
}

/// The times of all of them; nothing where there is none.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) fn span(batches: &[SealedBatch]) -> Span {
    let since = batches.iter().map(|batch| batch.created.0).min().unwrap_or_default();
    let until = batches.iter().map(|batch| batch.created.1).max().unwrap_or_default();
    (since, until)
}

/// Leaves as many at the front as are read together: at least one, where there is any.
pub(super) fn keep_together(batches: &mut Vec<SealedBatch>) {
    let (mut rows, mut all) = (0, None);
    let together = batches.iter().take_while(|batch| {
        rows += batch.seqs.end - batch.seqs.start;
        let (since, until) = all.unwrap_or(batch.created);
        let with = (since.min(batch.created.0), until.max(batch.created.1));
        let fits = all.is_none() || (rows <= ROWS && with.1 - with.0 <= APART);
        all = Some(with);
        fits
    });
    let together = together.count();
    batches.truncate(together);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(rows: i64, at: i64) -> SealedBatch {
        SealedBatch { leaf: 0, stream_id: Uuid::nil(), seqs: 7..7 + rows, created: (at, at + 1) }
    }

    fn kept(mut batches: Vec<SealedBatch>) -> usize {
        keep_together(&mut batches);
        batches.len()
    }

    #[test]
    fn small_batches_of_one_time_are_read_together_and_others_alone() {
        assert_eq!(kept(vec![]), 0);
        assert_eq!(kept(vec![batch(5_000, 0), batch(1, 0)]), 1);
        assert_eq!(kept(vec![batch(400, 0), batch(600, 9), batch(1, 3)]), 2);
        assert_eq!(kept(vec![batch(1, 0), batch(1, -APART), batch(1, 0)]), 1);
        assert_eq!(kept(vec![batch(1, APART / 2), batch(1, 0), batch(1, APART - 1), batch(1, APART)]), 3);
    }
}
