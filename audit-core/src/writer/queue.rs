//! The bounded queue between callers and lanes, and the accounts.
//!
//! One lock guards the entries and every counter, so that the identity
//! `emitted = stored + waiting + dead_lettered + dropped` holds at every observation, and a flush cannot
//! miss an entry: entries are numbered by tickets as they come in, and a flush waits for the tickets given
//! out before it.
//!
//! A caller reserves a [`Place`] before its work begins and fills it when the work has ended, so that filling
//! never waits. Waiting callers and flushes have deadlines, kept by the writer's thread
//! ([`Queue::keep_deadlines`]); should that thread die, [`Queue::close`] releases them all.

mod place;
mod state;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::Entry;
use crate::auditor::{Overflow, Stats};
use crate::store::StoreError;
use crate::writer::clock;

pub(crate) use place::Place;
use place::Turn;
use state::{InFlight, Phase, State, Waiting};

/// What the queue may hold, and how it is cut into batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) overflow: Overflow,
    pub(crate) batch_rows: usize,
    pub(crate) batch_bytes: usize,
    /// How long the oldest entry waits for others to share its batch.
    pub(crate) linger: Duration,
}

/// Why an entry was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// There was no place, and none within the overflow policy's bound.
    QueueFull,
    /// There is no writer: not yet, or not any more.
    NoWriter,
}

impl DropReason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::NoWriter => "no_writer",
        }
    }

    /// What a caller is told.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::QueueFull => "the queue is full; the store is away or too slow, or `queue_entries` too small",
            Self::NoWriter => "there is no writer any more; shut the guard down after the last audited work",
        }
    }
}

/// The queue between callers and lanes.
#[derive(Debug)]
pub(crate) struct Queue {
    limits: Limits,
    state: Mutex<State>,
    /// Tells a lane that there may be something to take.
    work: Notify,
    /// Tells the keeper of deadlines that there is a new one.
    deadlines: Notify,
    /// Tells a lane that pauses that no more will come.
    draining: Notify,
}

impl Queue {
    pub(crate) fn new(limits: Limits, lanes: usize) -> Self {
        let state = State { in_flight: vec![None; lanes], ..State::default() };
        Self {
            limits,
            state: Mutex::new(state),
            work: Notify::new(),
            deadlines: Notify::new(),
            draining: Notify::new(),
        }
    }

    /// A place for one entry, or none within the overflow policy's bound.
    ///
    /// # Cancellation
    ///
    /// A place that was granted to a dropped future goes back.
    pub(crate) async fn reserve(self: &Arc<Self>) -> Result<Place, DropReason> {
        let granted = {
            let mut state = self.state();
            if let Some(place) = self.place(&mut state) {
                return place;
            }
            let Overflow::Block { at_most } = self.limits.overflow else { return Err(DropReason::QueueFull) };
            let (answer, granted) = oneshot::channel();
            state.callers.push_back(Waiting { deadline: clock::in_future(at_most), answer });
            granted
        };
        self.deadlines.notify_one();
        let mut turn = Turn { queue: self, granted: Some(granted) };
        turn.wait().await.map(|()| Place { queue: Arc::clone(self), filled: false })
    }

    /// A place for one entry, if the answer needs no waiting.
    pub(crate) fn reserve_now(self: &Arc<Self>) -> Option<Result<Place, DropReason>> {
        self.place(&mut self.state())
    }

    fn place(self: &Arc<Self>, state: &mut State) -> Option<Result<Place, DropReason>> {
        if state.phase != Phase::Open {
            return Some(Err(DropReason::NoWriter));
        }
        if state.callers.is_empty() && state.has_room(&self.limits) {
            state.reserved += 1;
            return Some(Ok(Place { queue: Arc::clone(self), filled: false }));
        }
        None
    }

    /// Queues an entry whose caller was granted no place, if there is one by now.
    pub(crate) fn push_unreserved(&self, entry: Entry) -> Result<(), DropReason> {
        let mut state = self.state();
        state.stats.emitted += 1;
        let reason = match state.phase {
            Phase::Open if state.has_room(&self.limits) => {
                self.push(state, entry);
                return Ok(());
            }
            Phase::Open => DropReason::QueueFull,
            Phase::Draining | Phase::Closed => DropReason::NoWriter,
        };
        state.drop_entries(1, reason);
        Err(reason)
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

    /// Counts an entry that has no actor.
    pub(crate) fn count_unattributed(&self) {
        self.state().stats.unattributed += 1;
    }

    /// Waits until every entry queued before now is in the store. The error is how many are not.
    pub(crate) async fn flush(&self, deadline: Duration) -> Result<(), u64> {
        let flushed = {
            let mut state = self.state();
            let upto = state.tickets;
            if state.phase == Phase::Closed && state.lost > 0 {
                return Err(state.lost);
            }
            if state.first_waiting() >= upto {
                return Ok(());
            }
            state.hurry = state.hurry.max(upto);
            let (answer, flushed) = oneshot::channel();
            state.flushes.push((upto, Waiting { deadline: clock::in_future(deadline), answer }));
            flushed
        };
        self.wake_lanes();
        self.deadlines.notify_one();
        flushed.await.map_err(|_| {
            let state = self.state();
            state.waiting() + state.lost
        })
    }

    /// What a lane is to freeze next; nothing once the queue is drained. The lane answers with
    /// [`Self::landed`].
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
                    state.report_gap();
                }
                match state.ripe_at(&self.limits) {
                    Some(at) if at <= Instant::now() => return Some(self.cut(state, lane)),
                    None if state.phase != Phase::Open => return None,
                    ripe_at => ripe_at,
                }
            };
            tokio::select! {
                () = more => {}
                () = until(ripe_at) => {}
            }
        }
    }

    /// A lane's batch is in the store, some of its rows among the dead letters.
    pub(crate) fn landed(&self, lane: usize, dead_lettered: u64) {
        let flushed: Vec<_> = {
            let mut state = self.state();
            if let Some(in_flight) = state.in_flight[lane].take() {
                let dead_lettered = dead_lettered.min(in_flight.entries);
                state.stats.dead_lettered += dead_lettered;
                state.stats.stored += in_flight.entries - dead_lettered;
                state.stats.batches += 1;
            }
            let stored = state.first_waiting();
            state.flushes.extract_if(.., |(upto, _)| *upto <= stored).collect()
        };
        for (_, waiting) in flushed {
            // A flush whose caller has gone needs no answer.
            let _ = waiting.answer.send(());
        }
    }

    /// The store refused, or did not answer; the lane will try again.
    pub(crate) fn failed(&self, error: &StoreError) {
        let mut state = self.state();
        state.stats.retries += 1;
        state.stats.last_error = Some(error.to_string());
    }

    /// No new places from now on; the lanes write what there is and go.
    pub(crate) fn drain(&self) {
        let in_vain = {
            let mut state = self.state();
            if state.phase == Phase::Open {
                state.phase = Phase::Draining;
            }
            std::mem::take(&mut state.callers)
        };
        drop(in_vain);
        self.draining.notify_waiters();
        self.wake_lanes();
    }

    /// Waits until the queue takes no more.
    pub(crate) async fn draining(&self) {
        let begins = self.draining.notified();
        if self.state().phase == Phase::Open {
            begins.await;
        }
    }

    /// The lanes have gone: whatever still waits is lost, and everybody is told.
    pub(crate) fn close(&self) {
        let in_vain = {
            let mut state = self.state();
            state.phase = Phase::Closed;
            let lost = state.waiting();
            state.lost += lost;
            state.entries.clear();
            state.bytes = 0;
            state.in_flight.fill(None);
            if lost > 0 {
                state.drop_entries(lost, DropReason::NoWriter);
            }
            (std::mem::take(&mut state.callers), std::mem::take(&mut state.flushes))
        };
        drop(in_vain);
    }

    /// How many entries the lanes left behind when they went.
    pub(crate) fn lost(&self) -> u64 {
        self.state().lost
    }

    /// The accounts, all of one instant.
    pub(crate) fn stats(&self) -> Stats {
        let state = self.state();
        Stats { waiting: state.waiting(), ..state.stats.clone() }
    }

    /// Ends the waiting of callers and flushes whose deadline has passed. Runs until dropped.
    pub(crate) async fn keep_deadlines(&self) {
        loop {
            let sooner = self.deadlines.notified();
            let next = self.expire(Instant::now());
            tokio::select! {
                () = sooner => {}
                () = until(next) => {}
            }
        }
    }

    /// Sends those away who have waited long enough; says when the next will have.
    fn expire(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let (expired, left): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut state.callers).into_iter().partition(|caller| caller.deadline <= now);
        state.callers = left;
        let late: Vec<_> = state.flushes.extract_if(.., |(_, flush)| flush.deadline <= now).collect();
        let callers = state.callers.iter().map(|caller| caller.deadline);
        let next = callers.chain(state.flushes.iter().map(|(_, flush)| flush.deadline)).min();
        drop(state);
        drop((expired, late));
        next
    }

    fn cut<'a>(&'a self, mut state: MutexGuard<'a, State>, lane: usize) -> Vec<Entry> {
        state.report_gap();
        let first_ticket = state.first_queued();
        let mut bytes = 0;
        let mut rows = 0;
        for queued in state.entries.iter().take(self.limits.batch_rows) {
            if rows > 0 && bytes + queued.weight > self.limits.batch_bytes {
                break;
            }
            bytes += queued.weight;
            rows += 1;
        }
        let batch = state.entries.drain(..rows).map(|queued| queued.entry).collect();
        state.bytes -= bytes;
        state.oldest = (!state.entries.is_empty()).then(Instant::now);
        state.in_flight[lane] = Some(InFlight { first_ticket, entries: rows as u64 });
        if !state.entries.is_empty() {
            self.work.notify_one();
        }
        self.admit(state);
        batch
    }

    /// Queues an entry, in a place or beyond the limits.
    fn push(&self, mut state: MutexGuard<'_, State>, entry: Entry) {
        let (rows, bytes) = (state.entries.len(), state.bytes);
        state.enqueue(entry);
        let full = state.entries.len() == self.limits.batch_rows
            || (bytes < self.limits.batch_bytes && state.bytes >= self.limits.batch_bytes);
        let wanted = rows == 0 || full || state.first_queued() < state.hurry || state.phase != Phase::Open;
        drop(state);
        if wanted {
            self.work.notify_one();
        }
    }

    fn release(&self) {
        let mut state = self.state();
        state.reserved -= 1;
        self.admit(state);
    }

    /// Gives room that has come free to the callers who wait for it, in the order they came.
    fn admit<'a>(&'a self, mut state: MutexGuard<'a, State>) {
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

    fn refusal(&self) -> DropReason {
        if self.state().phase == Phase::Open { DropReason::QueueFull } else { DropReason::NoWriter }
    }

    fn wake_lanes(&self) {
        self.work.notify_waiters();
        self.work.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
