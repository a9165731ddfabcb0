//! What a lane takes: the entries of one batch.

use std::time::Instant;

use super::Queue;
use super::state::{Phase, State};
use super::waits::until;
use crate::Entry;
use crate::writer::sync::MutexGuard;

impl Queue {
    /// What a lane is to freeze next; nothing where the queue is drained. The lane answers for each batch, oldest first, with
    /// [`Self::landed`] or [`Self::journaled`], and [leaves](Self::leave) once it will take no more.
    ///
    /// # Cancellation
    ///
    /// Nothing is taken by a dropped future.
    pub(crate) async fn take(&self, lane: usize) -> Option<Vec<Entry>> {
        loop {
            let more = self.work.notified();
            let ripe_at = {
                let mut state = self.state();
                if state.entries.is_empty() {
                    state.report_gaps();
                }
                match state.ripe_at(&self.limits) {
                    Some(at) if at <= Instant::now() => return Some(self.cut(state, lane)),
                    None if state.phase != Phase::Open => return None,
                    ripe_at => ripe_at,
                }
            };
            tokio::select! {
                biased;
                () = more => {}
                () = until(ripe_at) => {}
            }
        }
    }

    /// [`Self::take`] for a lane that has something in hand: only what fills a batch.
    ///
    /// # Cancellation
    ///
    /// Nothing is taken by a dropped future.
    pub(crate) async fn take_full(&self, lane: usize) -> Vec<Entry> {
        loop {
            let full = self.full.notified();
            {
                let state = self.state();
                if state.has_full_batch(&self.limits) {
                    return self.cut(state, lane);
                }
            }
            full.await;
        }
    }

    /// Waits until there is something in the queue.
    pub(crate) async fn refilled(&self) {
        loop {
            let more = self.work.notified();
            if !self.state().entries.is_empty() {
                return;
            }
            more.await;
        }
    }

    /// The lane takes no more; not where there is something to take. Once all have left, nothing is taken in, so that
    /// whatever was taken in was taken by a lane.
    pub(crate) fn leave(&self, lane: usize) -> bool {
        let mut state = self.state();
        if !state.entries.is_empty() {
            return false;
        }
        state.lanes[lane].has_left = true;
        if state.lanes.iter().all(|lane| lane.has_left) {
            state.phase = Phase::Closed;
        }
        true
    }

    /// The lane is about to freeze a header without rows. It answers for it as for a batch.
    pub(crate) fn take_nothing(&self, lane: usize) {
        let mut state = self.state();
        let first = state.first_queued();
        state.lanes[lane].take(first, &[]);
    }

    /// Whether the lane has taken entries that are not in the store yet.
    pub(crate) fn waits_for(&self, lane: usize) -> bool {
        self.state().lanes[lane].batches().any(|tickets| tickets.entries > 0)
    }

    fn cut<'a>(&'a self, mut state: MutexGuard<'a, State>, lane: usize) -> Vec<Entry> {
        state.report_gaps();
        let first = state.first_queued();
        let mut bytes = 0;
        let mut rows = 0;
        for queued in state.entries.iter().take(self.limits.batch_rows) {
            if rows > 0 && bytes + queued.weight > self.limits.batch_bytes {
                break;
            }
            bytes += queued.weight;
            rows += 1;
        }
        let batch: Vec<_> = state.entries.drain(..rows).map(|queued| queued.entry).collect();
        state.bytes -= bytes;
        state.oldest = (!state.entries.is_empty()).then(Instant::now);
        state.lanes[lane].take(first, &batch);
        if !state.entries.is_empty() {
            self.work.notify_one();
        }
        if state.has_full_batch(&self.limits) {
            self.full.notify_one();
        }
        self.admit(state);
        batch
    }
}
