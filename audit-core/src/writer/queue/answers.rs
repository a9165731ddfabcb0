//! What became of a batch.
//!
//! A lane answers for the oldest batch that it took with [`Queue::landed`], or with [`Queue::journaled`] and later, oldest
//! first, with [`Queue::landed_journaled`]. What the journals of dead processes and the outbox hold never was in the queue;
//! only its accounts are kept here.

use super::state::{State, Tickets};
use super::{DropReason, NotKept, Queue};
use crate::writer::sync::MutexGuard;

impl Queue {
    /// The oldest batch that the lane has in hand is in the store, some of its rows among the dead letters.
    pub(crate) fn landed(&self, lane: usize, dead_lettered: u64) {
        let mut state = self.state();
        if let Some(tickets) = state.lanes[lane].let_go() {
            state.count_stored(tickets.entries, dead_lettered);
            settle(state, Some(tickets));
        }
    }

    /// The oldest batch that the lane has in hand is safe in the journal. Whoever waits for one of its entries to be kept is
    /// told; a flush waits on until the batch is stored.
    pub(crate) fn journaled(&self, lane: usize) {
        let mut state = self.state();
        if let Some(tickets) = state.lanes[lane].let_go() {
            state.journaled += tickets.entries;
            state.lanes[lane].journaled.push_back(tickets);
            settle(state, Some(tickets));
        }
    }

    /// The oldest batch that the lane has in the journal is in the store, some of its rows among the dead letters.
    pub(crate) fn landed_journaled(&self, lane: usize, dead_lettered: u64) {
        let mut state = self.state();
        if let Some(tickets) = state.lanes[lane].journaled.pop_front() {
            state.journaled -= tickets.entries;
            state.count_stored(tickets.entries, dead_lettered);
            settle(state, None);
        }
    }

    /// The lane has only so many batches in hand: what it took beyond them is gone.
    pub(crate) fn lost_in_flight(&self, lane: usize, in_hand: usize) {
        let (acknowledgements, in_vain) = {
            let mut state = self.state();
            if state.lanes[lane].in_flight.len() <= in_hand {
                return;
            }
            let Some((tickets, ids)) = state.lanes[lane].lose_newest() else { return };
            state.lose(tickets.entries, DropReason::Panicked);
            state.name_lost(ids);
            let acknowledgements: Vec<_> = state.acknowledgements.extract_if(tickets.range(), |_, _| true).collect();
            let in_vain: Vec<_> = state.flushes.extract_if(.., |(upto, _)| *upto > tickets.first).collect();
            (acknowledgements, in_vain)
        };
        drop(in_vain);
        for (_, waiting) in acknowledgements {
            waiting.tell(Err(NotKept::Lost));
        }
        self.work.notify_one();
    }

    /// The journal cannot give back the oldest batch that the lane has in it.
    pub(crate) fn lost_journaled(&self, lane: usize) {
        let in_vain = {
            let mut state = self.state();
            let Some(tickets) = state.lanes[lane].journaled.pop_front() else { return };
            state.lose_journaled(tickets.entries);
            let is_in_vain = |upto| tickets.entries > 0 && upto > tickets.first;
            state.flushes.extract_if(.., |(upto, _)| is_in_vain(*upto)).collect::<Vec<_>>()
        };
        drop(in_vain);
    }

    /// A dead process's journal cannot give back adopted entries.
    pub(crate) fn lost_adopted(&self, entries: u64) {
        self.state().lose_journaled(entries);
    }

    /// An entry of our own, which never was in the queue, is in the store: it tells of lost ones.
    pub(crate) fn told(&self, dead_lettered: u64) {
        let mut state = self.state();
        state.stats.emitted += 1;
        state.count_stored(1, dead_lettered);
    }

    /// Entries that a dead process left in its journal are ours to store.
    pub(crate) fn adopted(&self, entries: u64) {
        let mut state = self.state();
        state.stats.adopted += entries;
        state.journaled += entries;
    }

    /// Adopted entries of one batch are in the store, some of them among the dead letters.
    pub(crate) fn landed_adopted(&self, entries: u64, dead_lettered: u64) {
        let mut state = self.state();
        state.journaled = state.journaled.saturating_sub(entries);
        state.count_stored(entries, dead_lettered);
    }

    /// Entries of one batch went from the outbox to the store in one step, some of them to the dead letters.
    pub(crate) fn drained(&self, entries: u64, dead_lettered: u64) {
        let mut state = self.state();
        state.stats.drained += entries;
        state.count_stored(entries, dead_lettered);
    }
}

/// Tells those who waited for entries to be kept, and the flushes whose last entry is stored.
fn settle(mut state: MutexGuard<'_, State>, kept: Option<Tickets>) {
    let acknowledged: Vec<_> = match kept {
        Some(tickets) => state.acknowledgements.extract_if(tickets.range(), |_, _| true).collect(),
        None => Vec::new(),
    };
    let stored = state.first_waiting();
    let flushed: Vec<_> = state.flushes.extract_if(.., |(upto, _)| *upto <= stored).collect();
    drop(state);
    for (_, waiting) in acknowledged {
        waiting.tell(Ok(()));
    }
    for (_, waiting) in flushed {
        waiting.tell(());
    }
}
