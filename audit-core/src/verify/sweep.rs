//! Rows, in the order of their times, and the batches that they belong to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::prunings::Prunings;
use super::redactions::Untold;
use super::scope::Scope;
use super::source::{DeadLetter, Proven, PrunedLeaf, StoredHeader};
use super::{Break, Report};
use crate::batch::{Hash, HeaderKind, LATE_AFTER};
use crate::merkle;

/// The batches whose time has begun and not yet ended.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    scope: Scope,
    prunings: Prunings,
    /// By stream and first number.
    open: HashMap<Uuid, BTreeMap<i64, Open>>,
    /// By the time of the last row.
    ends: BTreeSet<(DateTime<Utc>, Uuid, i64)>,
    /// By stream and number of the batch; those of open batches are with them.
    dead_letters: HashMap<(Uuid, i64), Vec<DeadLetter>>,
    untold: Untold,
    /// Of batches that are to be opened, by stream and number.
    pruned: HashMap<(Uuid, i64), Vec<PrunedLeaf>>,
}

#[derive(Debug)]
struct Open {
    stored: StoredHeader,
    /// By place in the batch; of a row that was reported already, nothing.
    leaves: Vec<(i64, Option<Hash>)>,
    /// Rows that are in the log.
    rows: u64,
}

impl Sweep {
    pub(super) fn new(scope: Scope, prunings: Prunings) -> Self {
        Self { scope, prunings, ..Self::default() }
    }

    pub(super) fn expects_pruned_leaves(&self) -> bool {
        !self.prunings.are_none()
    }

    /// Dead letters come first.
    pub(super) fn take_dead_letter(&mut self, letter: DeadLetter) {
        self.dead_letters.entry((letter.stream_id, letter.batch_no)).or_default().push(letter);
    }

    /// Leaves of pruned rows come before their batch is opened.
    pub(super) fn take_pruned_leaf(&mut self, leaf: PrunedLeaf) {
        self.pruned.entry((leaf.stream_id, leaf.batch_no)).or_default().push(leaf);
    }

    /// A batch whose rows are to come. All rows before its time were taken.
    pub(super) fn open(&mut self, stored: StoredHeader, report: &mut Report) {
        self.close_before(stored.header.first_created, report);
        let header = &stored.header;
        let pruned = self.pruned.remove(&(header.stream_id, header.batch_no)).unwrap_or_default();
        if header.n == 0 || header.kind == HeaderKind::Lost || !self.scope.covers(header) {
            return;
        }
        let mut leaves = Vec::new();
        for DeadLetter { stream_id, batch_no, idx, leaf, db_time } in
            self.dead_letters.remove(&(header.stream_id, header.batch_no)).unwrap_or_default()
        {
            if leaf.is_none() || db_time != stored.db_time {
                report.add(Break::AlteredDeadLetter { stream_id, batch_no, idx });
            }
            leaves.push((idx.into(), leaf));
        }
        let pruned = pruned.iter().filter(|leaf| self.prunings.kept(leaf, header, stored.db_time));
        leaves.extend(pruned.map(|leaf| (leaf.idx.into(), Some(leaf.hash))));
        self.ends.insert((header.last_created, header.stream_id, header.first_seq));
        let batches = self.open.entry(header.stream_id).or_default();
        batches.insert(header.first_seq, Open { stored, leaves, rows: 0 });
    }

    /// The next row in time. All batches that begin at its time or before are open.
    pub(super) fn take(&mut self, row: Proven, report: &mut Report) {
        self.close_before(row.created_at, report);
        let Proven { id, created_at, stream_id, seq, recorded_at, leaf, is_late, concern, is_misplaced } = row;
        if is_misplaced {
            report.add(Break::Misplaced { id, created_at });
        }
        let batches = self.open.get_mut(&stream_id);
        let batch = batches.and_then(|batches| batches.range_mut(..=seq).next_back()).map(|(_, batch)| batch);
        let place = |batch: &Open| seq.saturating_sub(batch.stored.header.first_seq);
        let Some(batch) = batch.filter(|batch| place(batch) < batch.stored.header.n.into()) else {
            if self.scope.leaves_out(created_at) {
                report.entries -= 1;
                return;
            }
            report.add(Break::UnknownRow { id, created_at, stream_id, seq });
            return;
        };
        batch.leaves.push((place(batch), leaf));
        batch.rows += 1;
        if leaf.is_none() {
            report.add(Break::UnprovableRow { id, created_at });
        }
        if recorded_at != Some(batch.stored.db_time) {
            report.add(Break::OtherTime { id, created_at });
        }
        let header = &batch.stored.header;
        if header.kind == HeaderKind::Entries && is_long_before(created_at, header.writer_time) && !is_late {
            report.add(Break::Backdated { id, created_at, writer_time: header.writer_time });
        }
        self.untold.take(id, created_at, concern, report);
    }

    /// The rows have ended.
    pub(super) fn finish(mut self, report: &mut Report) {
        while let Some((_, stream_id, first_seq)) = self.ends.pop_first() {
            self.close(stream_id, first_seq, report);
        }
        if self.scope.stream.is_none() {
            self.untold.finish(report);
        }
        if self.scope.is_partial() {
            // Those left belong to batches that were not looked at, or to none: only a look at everything tells.
            return;
        }
        let mut orphans: Vec<_> = self.dead_letters.into_values().flatten().collect();
        orphans.sort_unstable_by_key(|letter| (letter.stream_id, letter.batch_no, letter.idx));
        for DeadLetter { stream_id, batch_no, idx, .. } in orphans {
            report.add(Break::AlteredDeadLetter { stream_id, batch_no, idx });
        }
    }

    fn close_before(&mut self, time: DateTime<Utc>, report: &mut Report) {
        while let Some((_, stream_id, first_seq)) = self.ends.first().filter(|(end, ..)| *end < time).copied() {
            self.ends.pop_first();
            self.close(stream_id, first_seq, report);
        }
    }

    fn close(&mut self, stream_id: Uuid, first_seq: i64, report: &mut Report) {
        let Some(batches) = self.open.get_mut(&stream_id) else { return };
        let Some(batch) = batches.remove(&first_seq) else { return };
        if batches.is_empty() {
            self.open.remove(&stream_id);
        }
        judge(batch, &self.prunings, report);
    }
}

/// Whether a row is so much older than its batch that it should say so.
fn is_long_before(created_at: DateTime<Utc>, writer_time: DateTime<Utc>) -> bool {
    writer_time.checked_sub_signed(LATE_AFTER).is_some_and(|limit| created_at < limit)
}

/// Whether a batch has all of its rows, each once, and they have the root that its header names; or none, and all were pruned.
fn judge(batch: Open, prunings: &Prunings, report: &mut Report) {
    let Open { stored: StoredHeader { header, db_time }, mut leaves, rows } = batch;
    leaves.sort_unstable_by_key(|(place, _)| *place);
    let (stream_id, batch_no) = (header.stream_id, header.batch_no);
    let mut is_whole = true;
    for doubled in leaves.chunk_by(|one, next| one.0 == next.0).filter(|same| same.len() > 1) {
        is_whole = false;
        report.add(Break::DoubledRow { stream_id, seq: header.first_seq.saturating_add(doubled[0].0) });
    }
    leaves.dedup_by_key(|(place, _)| *place);
    let n = i64::from(header.n);
    for (idx, _) in leaves.iter().filter(|(place, _)| !(0..n).contains(place)) {
        is_whole = false;
        let idx = i32::try_from(*idx).unwrap_or(i32::MAX);
        report.add(Break::AlteredDeadLetter { stream_id, batch_no, idx });
    }
    leaves.retain(|(place, _)| (0..n).contains(place));
    let missing = u64::from(header.n.unsigned_abs()) - leaves.len() as u64;
    if missing > 0 && rows == 0 && prunings.took(&header, db_time) {
        report.pruned_batches += 1;
        return;
    }
    if missing > 0 {
        let first = leaves.iter().fold(0, |next, (place, _)| if *place == next { next + 1 } else { next });
        report.add(Break::MissingRows {
            stream_id,
            batch_no,
            rows: missing,
            first_seq: header.first_seq.saturating_add(first),
            first_created: header.first_created,
            last_created: header.last_created,
        });
        return;
    }
    let known: Option<Vec<Hash>> = leaves.iter().map(|(_, leaf)| *leaf).collect();
    // A row without a leaf was reported already.
    if let Some(leaves) = known
        && is_whole
        && merkle::root(leaves) != header.rows_root
    {
        report.add(Break::altered(&header));
    }
}
