//! Waits with deadlines: the flush, and the keeper of every deadline.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::state::{Phase, State, Waiting};
use super::{DropReason, NotKept, Queue};
use crate::writer::{clock, own_thread, sync};

impl Queue {
    /// Waits until every entry queued before now is in the store. The error is how many are not.
    pub(crate) async fn flush(&self, deadline: Duration) -> Result<(), u64> {
        let flushed = {
            let mut state = self.state_here();
            let upto = state.tickets;
            if matches!(state.phase, Phase::Closed | Phase::Forked) {
                return match state.waiting() + state.lost {
                    0 => Ok(()),
                    unstored => Err(unstored),
                };
            }
            if state.first_waiting() >= upto {
                return Ok(());
            }
            state.hurry = state.hurry.max(upto);
            if own_thread::is_here() {
                return Err(state.waiting() + state.lost);
            }
            let (answer, flushed) = oneshot::channel();
            let deadline = clock::in_future(deadline);
            state.flushes.push((upto, Waiting { deadline, answer }));
            self.keep(&mut state, deadline);
            flushed
        };
        self.wake_lanes();
        flushed.await.map_err(|_| {
            let state = self.state();
            state.waiting() + state.lost
        })
    }

    /// A dead process's journal cannot give back entries that were adopted; without a number, nobody can count them. Ends when the
    /// entry that tells of them is kept, because what shows the loss may be forgotten then. Of a queue that closes it never ends:
    /// whoever finds the loss next tells of it.
    pub(crate) async fn lost_adopted(&self, entries: Option<u64>) {
        if let Some(entries) = entries {
            self.state().lose_adopted(entries);
        }
        while entries != Some(0) {
            let Some(told) = self.tell_of_adopted(entries) else { return std::future::pending().await };
            self.wake_lanes();
            if let Ok(Ok(())) = told.await {
                return;
            }
        }
    }

    /// Queues the entry that tells of lost ones, while the queue is open.
    fn tell_of_adopted(&self, lost: Option<u64>) -> Option<oneshot::Receiver<Result<(), NotKept>>> {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return None;
        }
        let (ticket, deadline) = (state.tickets, clock::in_future(Duration::MAX));
        let lost = lost.map(|entries| i64::try_from(entries).unwrap_or(i64::MAX));
        state.report_gap(lost, DropReason::JournalDamaged.as_str());
        let (answer, told) = oneshot::channel();
        state.acknowledgements.insert(ticket, Waiting { deadline, answer });
        state.hurry = state.hurry.max(ticket + 1);
        Some(told)
    }

    /// Sees to it that a deadline is kept.
    pub(super) fn keep(&self, state: &mut State, deadline: Instant) {
        if state.next_deadline.is_none_or(|next| deadline < next) {
            state.next_deadline = Some(deadline);
            self.deadlines.notify_one();
        }
    }

    /// Ends the waiting of those whose deadline has passed. Runs until dropped.
    pub(crate) async fn keep_deadlines(&self) {
        loop {
            let sooner = self.deadlines.notified();
            let next = self.expire(Instant::now());
            tokio::select! {
                biased;
                () = sooner => {}
                () = until(next) => {}
            }
        }
    }

    /// Sends those away who have waited long enough; says when the next will have.
    pub(super) fn expire(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let (expired, left): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut state.callers).into_iter().partition(|caller| caller.deadline <= now);
        state.callers = left;
        let flushes: Vec<_> = state.flushes.extract_if(.., |(_, flush)| flush.deadline <= now).collect();
        let late: Vec<_> = state.acknowledgements.extract_if(.., |_, waiting| waiting.deadline <= now).collect();
        state.stats.unconfirmed += late.len() as u64;
        let next = state.soonest_deadline();
        state.next_deadline = next;
        drop(state);
        drop((expired, flushes));
        for (_, waiting) in late {
            waiting.tell(Err(NotKept::Late));
        }
        next
    }
}

pub(super) async fn until(instant: Option<Instant>) {
    match instant {
        Some(at) => sync::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
