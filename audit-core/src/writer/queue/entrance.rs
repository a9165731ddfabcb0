//! The callers' side: places, and what is put into them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::acknowledgement::Acknowledgement;
use super::place::{Place, Turn};
use super::state::{Phase, State, Waiting};
use super::{DropReason, NotKept, Queue};
use crate::Entry;
use crate::auditor::Overflow;
use crate::writer::sync::MutexGuard;
use crate::writer::{clock, own_thread};

impl Queue {
    /// A place for one entry, or none within the overflow policy's bound.
    ///
    /// # Cancellation
    ///
    /// A place that was granted to a dropped future goes back.
    pub(crate) async fn reserve(self: &Arc<Self>) -> Result<Place, DropReason> {
        let granted = {
            let mut state = self.state_of_caller();
            if let Some(place) = self.place(&mut state) {
                return place;
            }
            let Overflow::Block { at_most } = self.limits.overflow else { return Err(DropReason::QueueFull) };
            if own_thread::is_here() {
                return Err(DropReason::QueueFull);
            }
            let (answer, granted) = oneshot::channel();
            let deadline = clock::in_future(at_most);
            state.callers.push_back(Waiting { deadline, answer });
            self.keep(&mut state, deadline);
            granted
        };
        let mut turn = Turn { queue: self, granted: Some(granted) };
        turn.wait().await.map(|()| Place { queue: Arc::clone(self), filled: false })
    }

    /// A place for one entry, if the answer needs no waiting.
    pub(crate) fn reserve_now(self: &Arc<Self>) -> Option<Result<Place, DropReason>> {
        self.place(&mut self.state_of_caller())
    }

    fn place(self: &Arc<Self>, state: &mut State) -> Option<Result<Place, DropReason>> {
        if state.phase != Phase::Open {
            return Some(Err(state.refusal()));
        }
        if state.callers.is_empty() && state.has_room(&self.limits) {
            state.reserved += 1;
            return Some(Ok(Place { queue: Arc::clone(self), filled: false }));
        }
        None
    }

    /// Queues an entry whose caller was granted no place, if there is one by now.
    pub(crate) fn push_unreserved(&self, entry: Entry) -> Result<(), DropReason> {
        let state = self.enter_unreserved()?;
        self.push(state, entry);
        Ok(())
    }

    /// [`Self::push_unreserved`], and tells when the entry is kept; the wait for that ends after `patience`.
    pub(crate) fn push_unreserved_durably(
        &self,
        entry: Entry,
        patience: Duration,
    ) -> Result<Acknowledgement, DropReason> {
        let state = self.enter_unreserved()?;
        Ok(self.push_durably(state, entry, patience))
    }

    fn enter_unreserved(&self) -> Result<MutexGuard<'_, State>, DropReason> {
        let mut state = self.state_of_caller();
        state.stats.emitted += 1;
        if state.phase == Phase::Open && state.has_room(&self.limits) {
            return Ok(state);
        }
        Err(state.refuse())
    }

    /// Counts entries that were made before there was a writer.
    pub(crate) fn count_unheard(&self, entries: u64) {
        if entries > 0 {
            let mut state = self.state();
            state.stats.emitted += entries;
            state.drop_entries(entries, DropReason::NoWriter);
            drop(state);
            self.work.notify_one();
        }
    }

    /// Counts a call that must not run, because it could not be announced.
    pub(crate) fn count_refused(&self) {
        self.state().stats.refused += 1;
    }

    /// Counts an entry that has no actor.
    pub(crate) fn count_unattributed(&self) {
        self.state().stats.unattributed += 1;
    }

    /// Queues an entry, in a place or beyond the limits, and tells when it is kept.
    pub(super) fn push_durably(
        &self,
        mut state: MutexGuard<'_, State>,
        entry: Entry,
        patience: Duration,
    ) -> Acknowledgement {
        let (waiting, answer) = oneshot::channel();
        if own_thread::is_here() {
            state.stats.unconfirmed += 1;
            self.push(state, entry);
            // The receiver is here.
            let _ = waiting.send(Err(NotKept::NobodyElse));
            return Acknowledgement { answer };
        }
        let (ticket, deadline) = (state.tickets, clock::in_future(patience));
        state.acknowledgements.insert(ticket, Waiting { deadline, answer: waiting });
        state.hurry = ticket + 1;
        self.keep(&mut state, deadline);
        self.push(state, entry);
        Acknowledgement { answer }
    }

    /// Queues an entry, in a place or beyond the limits.
    pub(super) fn push(&self, mut state: MutexGuard<'_, State>, entry: Entry) {
        let (rows, bytes) = (state.entries.len(), state.bytes);
        state.enqueue(entry);
        let full = state.entries.len() == self.limits.batch_rows
            || (bytes < self.limits.batch_bytes && state.bytes >= self.limits.batch_bytes);
        let wanted = rows == 0 || full || state.first_queued() < state.hurry || state.phase != Phase::Open;
        drop(state);
        if wanted {
            // The lane that worked last: its connection's process is the one whose caches are warm.
            self.work.notify_last();
        }
        if full {
            self.full.notify_last();
        }
    }

    pub(super) fn release(&self) {
        let mut state = self.state();
        state.give_back(1);
        self.admit(state);
    }

    /// Gives room that has come free to the callers who wait for it, in the order they came.
    pub(super) fn admit<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        loop {
            let mut admitted = Vec::new();
            while !state.callers.is_empty() && state.has_room(&self.limits) {
                admitted.extend(state.callers.pop_front());
                state.reserved += 1;
            }
            drop(state);
            // A caller that has gone meanwhile leaves its place to the next.
            let gone = admitted.into_iter().filter_map(|caller| caller.answer.send(()).err()).count();
            if gone == 0 {
                return;
            }
            state = self.state();
            state.reserved -= gone;
        }
    }

    pub(super) fn refusal(&self) -> DropReason {
        self.state().refusal()
    }
}
