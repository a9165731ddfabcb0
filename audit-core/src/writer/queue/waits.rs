//! Waits with deadlines: the flush, and the keeper of every deadline.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::state::{Phase, State, Waiting};
use super::{NotKept, Queue};
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
