//! What was pruned, as far as it can be believed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::source::{PrunedLeaf, Source};
use super::{Break, Report};
use crate::batch::Header;
use crate::merkle::Frontier;
use crate::retention::{Pruning, StoredPruning, is_statement_of};
use crate::signing::{Note, TrustedKeys};
use crate::store::StoreError;

/// Records of prunings. One that is not what it should be excuses nothing: its rows are missing.
#[derive(Debug, Default)]
pub(super) struct Prunings {
    by_no: BTreeMap<i64, Pruning>,
    /// Still to be compared with the tree: sizes and numbers, the largest first.
    waiting: Vec<(u64, i64)>,
    /// Where each begins, and its number.
    by_time: Vec<(DateTime<Utc>, i64)>,
}

impl Prunings {
    /// Reads all of them, and compares each with its statement and the leaves that it kept.
    pub(super) async fn read(
        source: &mut dyn Source,
        keys: &TrustedKeys,
        report: &mut Report,
    ) -> Result<Self, StoreError> {
        let mut prunings = Self::default();
        let mut recorded = BTreeSet::new();
        loop {
            let page = source.prunings().await?;
            if page.is_empty() {
                break;
            }
            for stored in page {
                let is_stated = is_stated(&stored, keys);
                let mut pruning = stored.pruning;
                recorded.insert(pruning.no);
                if is_stated {
                    pruning.signed_by.take_if(|_| keys.log().is_empty());
                    prunings.by_no.insert(pruning.no, pruning);
                } else {
                    report.add(Break::forged_pruning(&pruning));
                }
            }
        }
        prunings.compare_leaves(&recorded, source, report).await?;
        prunings.waiting = prunings.by_no.values().map(|pruning| (pruning.tree_size, pruning.no)).collect();
        prunings.waiting.sort_unstable_by(|one, other| other.cmp(one));
        Ok(prunings)
    }

    async fn compare_leaves(
        &mut self,
        recorded: &BTreeSet<i64>,
        source: &mut dyn Source,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let mut kept: BTreeMap<i64, Frontier> = BTreeMap::new();
        loop {
            let page = source.pruned_leaves().await?;
            if page.is_empty() {
                break;
            }
            for leaf in page {
                kept.entry(leaf.pruning_no).or_default().push(leaf.hash);
            }
        }
        self.by_no.retain(|no, pruning| {
            let leaves = kept.remove(no).unwrap_or_default();
            let fits = (leaves.size(), leaves.root()) == (pruning.kept_leaves, pruning.leaves_root);
            if !fits {
                report.add(Break::forged_pruning(pruning));
            }
            fits
        });
        for no in kept.into_keys().filter(|no| !recorded.contains(no)) {
            report.add(Break::Unreadable {
                what: format!("leaves are kept of pruning {no}, of which there is no record"),
            });
        }
        Ok(())
    }

    /// Compares those that state a tree of this size.
    pub(super) fn compare(&mut self, tree: &Frontier, report: &mut Report) {
        while let Some((_, no)) = self.waiting.pop_if(|(size, _)| *size <= tree.size()) {
            if self
                .by_no
                .get(&no)
                .is_some_and(|pruning| (pruning.tree_size, pruning.root) != (tree.size(), tree.root()))
            {
                self.refuse(no, report);
            }
        }
    }

    /// The tree has ended. What is left states a larger one.
    pub(super) fn finish(&mut self, report: &mut Report) {
        while let Some((_, no)) = self.waiting.pop() {
            self.refuse(no, report);
        }
        report.prunings = self.by_no.values().cloned().collect();
        self.by_time = self.by_no.values().map(|pruning| (pruning.lower_bound, pruning.no)).collect();
        self.by_time.sort_unstable();
    }

    fn refuse(&mut self, no: i64, report: &mut Report) {
        if let Some(pruning) = self.by_no.remove(&no) {
            report.add(Break::forged_pruning(&pruning));
        }
    }

    pub(super) fn are_none(&self) -> bool {
        self.by_no.is_empty()
    }

    /// Whether all rows of a batch were pruned, if none is there.
    pub(super) fn took(&self, header: &Header, db_time: DateTime<Utc>) -> bool {
        let begun = self.by_time.partition_point(|(lower_bound, _)| *lower_bound <= header.first_created);
        // The last that begins before is nearly always the one.
        self.by_time[..begun].iter().rev().any(|(_, no)| self.by_no[no].took(header, db_time))
    }

    /// Whether a leaf stands for a row of this batch that was pruned.
    pub(super) fn kept(&self, leaf: &PrunedLeaf, header: &Header, db_time: DateTime<Utc>) -> bool {
        self.by_no.get(&leaf.pruning_no).is_some_and(|pruning| pruning.touched(header, db_time))
    }
}

/// Whether a trusted key signed what the record says; where none is trusted, anybody may have, or nobody.
fn is_stated(StoredPruning { pruning, statement }: &StoredPruning, keys: &TrustedKeys) -> bool {
    let Some(statement) = statement else { return keys.log().is_empty() };
    let Some(note) = statement.parse::<Note>().ok().filter(|note| is_statement_of(note, pruning)) else { return false };
    let is_trusted = || {
        let mut keys = keys.log().iter().filter(|key| pruning.signed_by.as_deref() == Some(key.name()));
        keys.any(|key| note.is_signed_by(key))
    };
    keys.log().is_empty() || is_trusted()
}
