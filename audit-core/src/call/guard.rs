//! Watches over one call, and records it once however it ends.

use std::time::{Duration, Instant, SystemTime};

use super::scope::{Notes, Turn};
use super::{Captures, Site};
use crate::auditor::{Slot, unheard};
use crate::entry::identify;
use crate::{ActionName, Auditor, Context, Durability, Entry, Outcome};

/// One call of an audited function. Dropped before its end, it is recorded all the same.
#[derive(Debug)]
#[must_use = "a call that is dropped is recorded as cancelled"]
pub struct Call {
    site: &'static Site,
    context: Context,
    pub(super) captures: Captures,
    pub(super) notes: Option<Notes>,
    slot: Option<Slot>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nobody has asked for a place in the queue yet.
    New,
    /// The body has not begun.
    Waiting,
    /// The body has begun and not ended.
    Running { since: Instant },
    /// The body has returned.
    Returned { after: Duration, at: SystemTime },
    /// An entry was made, or none is wanted.
    Recorded,
}

impl Call {
    /// A call whose body has not begun.
    pub fn new(site: &'static Site, captures: Captures) -> Self {
        let notes = Some(Notes::new(site, !captures.skipped));
        Self { site, context: Context::default(), captures, notes, slot: None, phase: Phase::New }
    }

    /// Reserves a place in the queue, then runs the body here and now.
    pub fn run<R>(mut self, body: impl FnOnce() -> R) -> (R, Self) {
        self.arrive();
        let slot = self.auditor().map(|auditor| auditor.reserve_blocking());
        self.begin(slot);
        let turn = Turn::enter(&mut self);
        let value = body();
        turn.leave();
        self.returned();
        (value, self)
    }

    /// Adds to what was captured, now that the body has returned.
    pub const fn captures(&mut self) -> &mut Captures {
        &mut self.captures
    }

    /// Records the call with the outcome that its result tells, and with what is kept of the error.
    pub fn end<T, E>(
        mut self,
        result: &Result<T, E>,
        outcome: impl FnOnce() -> Outcome,
        error: impl FnOnce() -> Option<String>,
    ) {
        let usual = if result.is_ok() { Outcome::Success } else { Outcome::Failure };
        let outcome = self.captures.attempt("outcome", outcome).unwrap_or(usual);
        let error = self.captures.attempt("error", error).flatten();
        self.record(outcome, error);
    }

    /// Takes the context of the work in progress, once.
    pub(super) fn arrive(&mut self) {
        if matches!(self.phase, Phase::New) {
            if !self.captures.skipped {
                self.context = Context::current();
            }
            self.phase = Phase::Waiting;
        }
    }

    /// Who is to hear of the call, if anybody.
    pub(super) fn auditor(&self) -> Option<Auditor> {
        if self.captures.skipped {
            return None;
        }
        self.context.auditor().cloned().or_else(Auditor::global)
    }

    pub(super) const fn has_begun(&self) -> bool {
        !matches!(self.phase, Phase::New | Phase::Waiting)
    }

    pub(super) fn begin(&mut self, slot: Option<Slot>) {
        self.slot = slot;
        self.phase = if self.captures.skipped { Phase::Recorded } else { Phase::Running { since: Instant::now() } };
    }

    /// Fixes the time: what is captured of the value afterwards is not the function's own.
    pub(super) fn returned(&mut self) {
        if let Phase::Running { since } = self.phase {
            self.phase = Phase::Returned { after: since.elapsed(), at: SystemTime::now() };
        }
    }

    pub(super) fn panicked(&mut self) {
        self.record(Outcome::Panicked, None);
    }

    fn record(&mut self, outcome: Outcome, error: Option<String>) {
        self.returned();
        let Phase::Returned { after, at } = self.phase else { return };
        self.phase = Phase::Recorded;
        let slot = self.slot.take();
        if self.captures.skipped || !self.site.on.includes(outcome) {
            return;
        }
        let entry = self.entry(outcome, error, after, at);
        match slot {
            // A refusal is counted, and tells of itself.
            Some(slot) => drop(slot.send(entry)),
            None => unheard(entry),
        }
    }

    fn entry(&mut self, outcome: Outcome, error: Option<String>, after: Duration, at: SystemTime) -> Entry {
        let captures = std::mem::take(&mut self.captures);
        let mut metadata = captures.metadata;
        if let Some(said) = self.notes.take().and_then(Notes::into_metadata) {
            metadata.others().extend(*said);
        }
        let (id, created_at) = identify(at);
        Entry {
            id,
            created_at,
            action: ActionName::listed(self.site.info.name),
            target_type: self.site.info.target.into(),
            target_id: captures.target_id,
            actor: captures.actor,
            metadata,
            outcome,
            error,
            duration: Some(after),
            attempt_id: None,
            context: std::mem::take(&mut self.context),
            durability: Durability::Queued,
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.record(Outcome::Cancelled, None);
    }
}
