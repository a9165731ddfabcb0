//! The tree: whether each header is the leaf that was made of it, and whether the tree is the one that checkpoints state.

use std::iter::Peekable;
use std::vec;

use uuid::Uuid;

use super::checkpoints::Checkpoints;
use super::prunings::Prunings;
use super::source::{Source, StoredHeader, StoredLeaf};
use super::{Break, Report};
use crate::encoding;
use crate::merkle::Frontier;
use crate::store::StoreError;

/// Leaves beside headers, both by stream and number.
pub(super) struct Leaves {
    page: Peekable<vec::IntoIter<StoredLeaf>>,
    /// Leaves without a header, so far without a gap.
    missing: Option<(Uuid, i64, i64)>,
    /// The first header of a stream without a leaf.
    unsealed: Option<(Uuid, i64)>,
}

impl Leaves {
    pub(super) fn new() -> Self {
        Self { page: Vec::new().into_iter().peekable(), missing: None, unsealed: None }
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
            if self.unsealed.is_none_or(|(stream, _)| stream != stream_id) {
                self.unsealed = Some(place);
            }
            return Ok(());
        };
        if let Some((_, batch_no)) = self.unsealed.take_if(|(stream, _)| *stream == stream_id) {
            report.add(Break::PassedOver { stream_id, batch_no });
        }
        if encoding::tree_leaf(&stored.header, stored.db_time) != leaf.hash {
            report.add(Break::AlteredHeader { stream_id, batch_no });
        }
        Ok(())
    }

    /// The headers have ended.
    pub(super) async fn finish(mut self, source: &mut dyn Source, report: &mut Report) -> Result<(), StoreError> {
        while let Some(leaf) = self.next_if(source, |_| true).await? {
            self.headless(&leaf, report);
        }
        self.flush(report);
        Ok(())
    }

    fn headless(&mut self, leaf: &StoredLeaf, report: &mut Report) {
        let (stream_id, batch_no) = leaf.place();
        match &mut self.missing {
            Some((stream, _, last)) if *stream == stream_id && *last + 1 == batch_no => *last = batch_no,
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
            self.page = source.leaves_by_batch().await?.into_iter().peekable();
        }
        Ok(self.page.next_if(is_wanted))
    }
}

/// Grows the tree again, leaf by leaf, and compares it with each checkpoint and pruning on the way.
pub(super) async fn grow(
    source: &mut dyn Source,
    checkpoints: &mut Checkpoints<'_>,
    prunings: &mut Prunings,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut frontier = Frontier::default();
    checkpoints.compare(&frontier, source, report).await?;
    prunings.compare(&frontier, report);
    loop {
        let page = source.leaves_in_order().await?;
        if page.is_empty() {
            break;
        }
        for (leaf, hash) in page {
            if u64::try_from(leaf) != Ok(frontier.size()) {
                report.add(Break::BrokenTree { leaf: frontier.size() });
                prunings.finish(report);
                return Ok(());
            }
            frontier.push(hash);
            checkpoints.compare(&frontier, source, report).await?;
            prunings.compare(&frontier, report);
        }
    }
    report.sealed_batches = frontier.size();
    prunings.finish(report);
    checkpoints.finish(&frontier, source, report).await
}
