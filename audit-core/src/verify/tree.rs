//! The tree: whether each header is the leaf that was made of it, and whether the tree is the one that checkpoints state.

use std::iter::Peekable;
use std::vec;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::checkpoints::Checkpoints;
use super::prunings::Prunings;
use super::source::{Source, StoredCheckpoint, StoredHeader, StoredLeaf};
use super::twice::Sum;
use super::{Break, Report};
use crate::encoding;
use crate::merkle::Frontier;
use crate::store::StoreError;

/// A header is sealed a moment after the database took it, wherever sealers run. One that was not while others were for this
/// long was kept from them. A checkpoint is signed once nothing waits, so that where there is one, what it does not cover tells
/// nothing: sealers may be on their way through a backlog.
const SEALED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// Leaves beside headers, both by stream and number.
pub(super) struct Leaves {
    sum: Sum,
    page: Peekable<vec::IntoIter<StoredLeaf>>,
    /// Leaves without a header, so far without a gap.
    missing: Option<(Uuid, i64, i64)>,
    /// The first header of a stream without a leaf.
    unsealed: Option<(Uuid, i64)>,
    /// The header without a leaf that the database took first.
    waits: Option<(DateTime<Utc>, Uuid, i64)>,
    /// How many leaves the newest checkpoint states; all, where there is none.
    covered: u64,
    /// When the database took the header with such a leaf that it took last.
    sealed_upto: Option<DateTime<Utc>>,
}

impl Leaves {
    /// The sum is over the leaves as they are read.
    pub(super) fn new(sum: Sum, newest: Option<&StoredCheckpoint>) -> Self {
        let covered = newest.map_or(u64::MAX, |newest| newest.size);
        let page = Vec::new().into_iter().peekable();
        Self { sum, page, missing: None, unsealed: None, waits: None, covered, sealed_upto: None }
    }

    /// The next header.
    pub(super) async fn take(
        &mut self,
        stored: &StoredHeader,
        source: &mut dyn Source,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let (stream_id, batch_no) = (stored.header.stream_id, stored.header.batch_no);
        let place = (stream_id, batch_no);
        while let Some(leaf) = self.next_if(source, |leaf| leaf.place() < place).await? {
            self.headless(&leaf, report);
        }
        self.flush(report);
        let Some(leaf) = self.next_if(source, |leaf| leaf.place() == place).await? else {
            report.unsealed_batches += 1;
            let waits = (stored.db_time, stream_id, batch_no);
            self.waits = Some(self.waits.map_or(waits, |first| first.min(waits)));
            if self.unsealed.is_none_or(|(stream, _)| stream != stream_id) {
                self.unsealed = Some(place);
            }
            return Ok(());
        };
        if let Some((_, batch_no)) = self.unsealed.take_if(|(stream, _)| *stream == stream_id) {
            report.add(Break::PassedOver { stream_id, batch_no });
        }
        if u64::try_from(leaf.leaf).is_ok_and(|place| place < self.covered) {
            self.sealed_upto = self.sealed_upto.max(Some(stored.db_time));
        }
        if encoding::tree_leaf(&stored.header, stored.db_time) != leaf.hash {
            report.add(Break::AlteredHeader { stream_id, batch_no });
        }
        Ok(())
    }

    /// The headers have ended. Gives back the sum.
    pub(super) async fn finish(mut self, source: &mut dyn Source, report: &mut Report) -> Result<Sum, StoreError> {
        while let Some(leaf) = self.next_if(source, |_| true).await? {
            self.headless(&leaf, report);
        }
        self.flush(report);
        if let (Some((db_time, stream_id, batch_no)), Some(upto)) = (self.waits, self.sealed_upto)
            && upto.signed_duration_since(db_time) > SEALED_WITHIN
        {
            report.add(Break::NeverSealed { stream_id, batch_no, db_time });
        }
        Ok(self.sum)
    }

    fn headless(&mut self, leaf: &StoredLeaf, report: &mut Report) {
        let (stream_id, batch_no) = leaf.place();
        match &mut self.missing {
            Some((stream, _, last)) if *stream == stream_id && last.checked_add(1) == Some(batch_no) => {
                *last = batch_no;
            }
            _ => {
                self.flush(report);
                self.missing = Some((stream_id, batch_no, batch_no));
            }
        }
    }

    fn flush(&mut self, report: &mut Report) {
        if let Some((stream_id, first, last)) = self.missing.take() {
            report.add(Break::MissingBatches { stream_id, first, last });
        }
    }

    async fn next_if(
        &mut self,
        source: &mut dyn Source,
        is_wanted: impl FnOnce(&StoredLeaf) -> bool,
    ) -> Result<Option<StoredLeaf>, StoreError> {
        if self.page.peek().is_none() {
            let page = source.leaves_by_batch().await?;
            for leaf in &page {
                leaf.add_to(&mut self.sum);
            }
            self.page = page.into_iter().peekable();
        }
        Ok(self.page.next_if(is_wanted))
    }
}

/// Grows the tree again, leaf by leaf, and compares it with each checkpoint and pruning on the way.
pub(super) async fn grow(
    source: &mut dyn Source,
    checkpoints: &mut Checkpoints<'_>,
    prunings: &mut Prunings,
    mut sum: Sum,
    report: &mut Report,
) -> Result<Sum, StoreError> {
    let mut frontier = Frontier::default();
    checkpoints.compare(&frontier, source, report).await?;
    prunings.compare(&frontier, report);
    loop {
        let page = source.leaves_in_order().await?;
        if page.is_empty() {
            break;
        }
        for leaf in page {
            leaf.add_to(&mut sum);
            if u64::try_from(leaf.leaf) != Ok(frontier.size()) {
                report.add(Break::BrokenTree { leaf: frontier.size() });
                prunings.finish(report);
                return Ok(sum);
            }
            frontier.push(leaf.hash);
            checkpoints.compare(&frontier, source, report).await?;
            prunings.compare(&frontier, report);
        }
    }
    report.sealed_batches = frontier.size();
    prunings.finish(report);
    checkpoints.finish(&frontier, source, report).await?;
    Ok(sum)
}
