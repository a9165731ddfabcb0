//! Watches over a request that is recorded by its route, and records it once however it ends.

use std::task::{self, Poll, ready};
use std::time::{Instant, SystemTime};

use super::routes::Recorded;
use crate::auditor::{Reserving, Slot, unheard};
use crate::trace::Trace;
use crate::{ActionName, Auditor, Context, Durability, Entry, Outcome};

/// One request that is recorded. Dropped before its end, it is recorded all the same; dropped before its beginning, it was none.
#[derive(Debug)]
pub(super) struct Watch {
    recorded: Recorded,
    slot: Option<Slot>,
    /// When it began.
    since: Option<Instant>,
    /// Whether the service, or the body, is at work: nobody else unwinds then.
    is_polled: bool,
}

impl Watch {
    pub(super) const fn new(recorded: Recorded) -> Self {
        Self { recorded, slot: None, since: None, is_polled: false }
    }

    /// Reserves a place in the queue, once.
    pub(super) fn poll_begin(&mut self, reserving: &mut Reserving, cx: &mut task::Context<'_>) -> Poll<()> {
        if self.since.is_none() {
            let auditor = Context::current().auditor().cloned().or_else(Auditor::global);
            if let Some(auditor) = auditor {
                self.slot = Some(ready!(reserving.poll(&auditor, cx)));
            }
            self.since = Some(Instant::now());
        }
        Poll::Ready(())
    }

    /// Runs the service, or the body, which may panic.
    pub(super) fn watch<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.is_polled = true;
        let value = work();
        self.is_polled = false;
        value
    }

    pub(super) fn end(mut self, outcome: Outcome, error: Option<String>) {
        self.record(outcome, error);
    }

    fn record(&mut self, outcome: Outcome, error: Option<String>) {
        let Some(since) = self.since.take() else { return };
        let context = Context::current();
        let (id, created_at) = context.identify(SystemTime::now());
        let action = self.recorded.action;
        let entry = Entry {
            outcome,
            error,
            target_id: self.recorded.target_id.take(),
            duration: Some(since.elapsed()),
            context,
            trace: Trace::current(),
            durability: Durability::Queued,
            id,
            created_at,
            ..Entry::at(SystemTime::now(), ActionName::listed(action.name), action.target.into())
        };
        match self.slot.take() {
            // A refusal is counted, and tells of itself.
            Some(slot) => drop(slot.send(entry)),
            None => unheard(entry),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.record(if self.is_polled { Outcome::Panicked } else { Outcome::Cancelled }, None);
    }
}
