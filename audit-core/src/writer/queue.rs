//! The bounded queue between callers and lanes, and the accounts.
//!
//! One lock guards the entries and every counter, so that the identity
//! `emitted + adopted + drained = stored + waiting + dead_lettered + dropped` holds at every observation, and a flush
//! cannot miss an entry. Entries are numbered by tickets as they come in; a batch is a run of tickets. A flush waits
//! until all tickets given out before it are stored; a durable caller until its own is stored or in the journal.
//!
//! A caller reserves a [`Place`] before its work begins and fills it when the work has ended, so that filling
//! never waits. Whoever waits has a deadline, kept by the writer's thread ([`Queue::keep_deadlines`]); should that
//! thread die, [`Queue::close`] releases them all.

mod acknowledgement;
mod answers;
mod entrance;
#[cfg(test)]
mod interleavings;
mod owner;
mod place;
mod pressure;
mod reason;
mod state;
mod take;
mod waits;

use std::sync::{OnceLock, PoisonError, TryLockError};
use std::time::Duration;

use tokio::sync::Notify;
use uuid::Uuid;

use crate::auditor::{Overflow, Stats};
use crate::store::StoreError;
use crate::writer::sync::{Mutex, MutexGuard};

pub(crate) use acknowledgement::{Acknowledgement, NotKept};
use owner::Owner;
pub(crate) use place::Place;
pub(crate) use pressure::Pressure;
pub(crate) use reason::DropReason;
use state::{Phase, State, Taken};

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

/// The queue between callers and lanes.
#[derive(Debug)]
pub(crate) struct Queue {
    limits: Limits,
    owner: Owner,
    state: Mutex<State>,
    /// In a process that was forked from the owner: its own accounts, in place of the copy of the owner's.
    forked: OnceLock<Mutex<State>>,
    /// Tells a lane that there may be something to take.
    work: Notify,
    /// Tells a lane that there may be a whole batch to take.
    full: Notify,
    /// Tells the keeper of deadlines that there is a sooner one.
    deadlines: Notify,
    /// Tells a lane that pauses that no more will come.
    draining: Notify,
}

impl Queue {
    pub(crate) fn new(limits: Limits, lanes: usize) -> Self {
        Self {
            limits,
            owner: Owner::here(),
            state: Mutex::new(State::new(lanes)),
            forked: OnceLock::new(),
            work: Notify::new(),
            full: Notify::new(),
            deadlines: Notify::new(),
            draining: Notify::new(),
        }
    }

    /// The store or the journal refused, or did not answer; the lane will try again.
    pub(crate) fn failed(&self, error: &StoreError) {
        let mut state = self.state();
        state.stats.retries += 1;
        state.stats.last_error = Some(error.to_string());
        state.stats.last_error_class = Some(error.class());
    }

    /// A batch of so many entries took so long to be stored. One without entries does not count.
    pub(crate) fn measured(&self, entries: u64, took: Duration) {
        if entries == 0 {
            return;
        }
        self.state().stats.landing_us.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        #[cfg(feature = "metrics")]
        crate::metrics::landed(entries, took);
    }

    /// No new places from now on; the lanes write what there is and go.
    pub(crate) fn drain(&self) {
        let in_vain = {
            let mut state = self.state_here();
            if state.phase == Phase::Open {
                state.phase = Phase::Draining;
            }
            std::mem::take(&mut state.callers)
        };
        drop(in_vain);
        self.draining.notify_waiters();
        self.wake_lanes();
    }

    /// Waits until there are no new places.
    pub(crate) async fn draining(&self) {
        let begins = self.draining.notified();
        if self.state().phase == Phase::Open {
            begins.await;
        }
    }

    /// The lanes have gone: what still waits in memory is lost, what is in the journal waits on, and everybody is told.
    pub(crate) fn close(&self) {
        let (callers, flushes, acknowledgements) = {
            let mut state = self.state();
            state.phase = Phase::Closed;
            let lost = state.in_memory();
            state.bytes = 0;
            // What the lanes took came first.
            let taken: Vec<_> = state.lanes.iter_mut().flat_map(Taken::lose_all).collect();
            let queued = std::mem::take(&mut state.entries);
            state.name_lost(taken.into_iter().chain(queued.into_iter().map(|queued| queued.entry.id)));
            state.lose(lost, DropReason::NoWriter);
            state.stats.unconfirmed += state.acknowledgements.len() as u64;
            let callers = std::mem::take(&mut state.callers);
            (callers, std::mem::take(&mut state.flushes), std::mem::take(&mut state.acknowledgements))
        };
        drop((callers, flushes));
        for waiting in acknowledgements.into_values() {
            waiting.tell(Err(NotKept::Lost));
        }
    }

    /// How many entries the lanes left behind when they went, or found damaged in the journal.
    pub(crate) fn lost(&self) -> u64 {
        self.state().lost
    }

    /// The ids of those that are known, oldest first, and not of very many.
    pub(crate) fn lost_ids(&self) -> Vec<Uuid> {
        self.state().lost_ids.clone()
    }

    /// The accounts, all of one instant.
    pub(crate) fn stats(&self) -> Stats {
        self.state_here().observe()
    }

    fn wake_lanes(&self) {
        self.work.notify_waiters();
        self.work.notify_one();
    }

    /// Whether this process was forked from the one that has the writer.
    pub(crate) fn is_forked(&self) -> bool {
        self.forked.get().is_some() || self.owner.is_elsewhere()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        if let Some(forked) = self.forked.get() {
            return lock(forked);
        }
        match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            // Whoever held the lock when this process was forked holds it for ever.
            Err(TryLockError::WouldBlock) => self.state_here(),
        }
    }

    /// The state, if this is the process that has the writer; otherwise the forked process's own.
    fn state_here(&self) -> MutexGuard<'_, State> {
        lock(if self.is_forked() { self.forked_state() } else { &self.state })
    }

    /// [`Self::state_here`] for those who come often.
    fn state_of_caller(&self) -> MutexGuard<'_, State> {
        if self.owner.seems_elsewhere() { lock(self.forked_state()) } else { self.state() }
    }

    fn forked_state(&self) -> &Mutex<State> {
        self.forked.get_or_init(|| {
            tracing::error!(
                "audit entries of this process are dropped: it was forked from the one that has the writer. Fork before \
                 `init`, or start an auditor in the child and hand it out through a `Context`. Said once; the accounts \
                 count every one"
            );
            Mutex::new(State::forked())
        })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Every change of the state is complete before anything that could panic.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
