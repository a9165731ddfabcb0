//! Watches over one call, and records it once however it ends.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use uuid::Uuid;

use super::scope::{Notes, turn};
use super::{Captures, Site, Told, Unwritten, Verdict};
use crate::auditor::{Pending, Reserving, Slot, not_run, unheard};
use crate::trace::Trace;
use crate::writer::block_on;
use crate::{ActionName, Auditor, Context, Durability, Entry, Error, Outcome};

/// One call of an audited function. Dropped before its end, it is recorded all the same.
#[derive(Debug)]
#[must_use = "a call that is dropped is recorded as cancelled"]
pub struct Call {
    site: &'static Site,
    context: Context,
    /// Apart, because few calls have one, and futures hold them.
    trace: Option<Box<Trace>>,
    pub(super) captures: Captures,
    pub(super) notes: Option<Notes>,
    slot: Option<Slot>,
    /// The entry that announced the call.
    attempt: Option<Box<Announced>>,
    phase: Phase,
}

/// An `attempted` entry that was sent.
#[derive(Debug)]
struct Announced {
    id: Uuid,
    /// Until it is durable.
    pending: Option<Pending>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nobody has asked for a place in the queue yet.
    New,
    /// The function runs what comes before the future that it returns.
    Preparing { since: Instant },
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
    #[inline]
    pub fn new(site: &'static Site, captures: Captures) -> Self {
        let notes = Some(Notes::new(site, !captures.skipped));
        let phase = if captures.skipped { Phase::Recorded } else { Phase::New };
        Self { site, context: Context::default(), trace: None, captures, notes, slot: None, attempt: None, phase }
    }

    /// Reserves a place in the queue, then runs the body here and now; not if the call must be announced and cannot be.
    ///
    /// # Errors
    ///
    /// Why the call could not be announced.
    pub fn run<R>(mut self, body: impl FnOnce() -> R) -> Result<(R, Self), Error> {
        self.arrive();
        if self.is_announced() {
            let mut reserving = Reserving::new();
            block_on(poll_fn(|cx| self.poll_begin(&mut reserving, cx)))?;
        } else {
            let slot = self.auditor().map(|auditor| auditor.reserve_blocking());
            self.begin(slot);
        }
        let value = turn(&mut self, body);
        self.returned();
        Ok((value, self))
    }

    /// [`Self::run`] for a body that never ends.
    pub fn run_endless<R>(self, body: impl FnOnce() -> R) -> R {
        match self.run(body) {
            Ok((never, _)) => never,
            Err(error) => unreachable!("a function that never returns is not announced: {error}"),
        }
    }

    /// Runs what a function does before it gives its future to its caller. The call begins when that is first
    /// polled: only what panics before that was a call already.
    pub(super) fn prepare<F>(mut self, body: impl FnOnce() -> F) -> (F, Self) {
        self.phase = Phase::Preparing { since: Instant::now() };
        let future = turn(&mut self, body);
        self.phase = Phase::New;
        (future, self)
    }

    /// Adds to what was captured, now that the body has returned.
    pub const fn captures(&mut self) -> &mut Captures {
        &mut self.captures
    }

    /// Records the call with the outcome and the error of the verdict.
    pub fn end(mut self, verdict: Verdict<'_>) -> Told {
        if self.captures.skipped {
            return Told::over();
        }
        let (outcome, error) = verdict.settle(&mut self.captures);
        let waits = self.site.durability.waits();
        match self.last_entry(outcome, error) {
            Some((Some(slot), entry)) if waits => Told::sent(slot.send_durably(entry)),
            Some((slot, entry)) => {
                send(slot, entry);
                Told::over()
            }
            None => Told::over(),
        }
    }

    /// [`Self::end`] of a call whose success is written in a transaction: that entry is given back.
    #[must_use = "the entry is in no transaction yet"]
    pub fn end_in_transaction(mut self, verdict: Verdict<'_>) -> Option<Unwritten> {
        let (outcome, error) = verdict.settle(&mut self.captures);
        let (slot, entry) = self.last_entry(outcome, error)?;
        if outcome == Outcome::Success {
            return Some(Unwritten::new(slot, entry));
        }
        send(slot, entry);
        None
    }

    /// Takes the context of the work in progress, once.
    pub(super) fn arrive(&mut self) {
        if matches!(self.phase, Phase::New) {
            if !self.captures.skipped {
                self.context = Context::current();
                self.trace = Trace::current().map(Box::new);
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

    /// Whether nobody is to hear of the call.
    pub(super) const fn is_skipped(&self) -> bool {
        self.captures.skipped
    }

    pub(super) const fn has_begun(&self) -> bool {
        !matches!(self.phase, Phase::New | Phase::Preparing { .. } | Phase::Waiting)
    }

    /// Whether the body waits until an `attempted` entry is durable.
    fn is_announced(&self) -> bool {
        self.site.durability == Durability::Before && !self.captures.skipped
    }

    /// Gets everything ready for the body, which must not run if this fails.
    pub(super) fn poll_begin(&mut self, reserving: &mut Reserving, cx: &mut Task<'_>) -> Poll<Result<(), Error>> {
        let Some(auditor) = self.auditor() else {
            if self.is_announced() {
                return Poll::Ready(Err(self.without_auditor()));
            }
            self.begin(None);
            return Poll::Ready(Ok(()));
        };
        if self.slot.is_none() {
            self.slot = Some(ready!(reserving.poll(&auditor, cx)));
        }
        if self.is_announced() {
            if self.attempt.is_none() {
                let slot = ready!(reserving.poll(&auditor, cx));
                self.announce(slot).inspect_err(|_| auditor.count_refused())?;
            }
            ready!(self.poll_announced(cx)).inspect_err(|_| auditor.count_refused())?;
        }
        let slot = self.slot.take();
        self.begin(slot);
        Poll::Ready(Ok(()))
    }

    fn announce(&mut self, slot: Slot) -> Result<(), Error> {
        let entry = self.attempted();
        let id = entry.id;
        match slot.announce(entry) {
            Ok(pending) => self.attempt = Some(Box::new(Announced { id, pending: Some(pending) })),
            Err(error) => {
                self.phase = Phase::Recorded;
                return Err(error);
            }
        }
        Ok(())
    }

    fn poll_announced(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), Error>> {
        if let Some(announced) = &mut self.attempt
            && let Some(pending) = &mut announced.pending
        {
            let durable = ready!(Pin::new(pending).poll(cx));
            announced.pending = None;
            if let Err(error) = durable {
                self.record(Outcome::Failure, Some(not_run(&error)));
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// There is nobody to announce the call to.
    fn without_auditor(&mut self) -> Error {
        self.phase = Phase::Recorded;
        let action = self.site.info.name.to_owned();
        unheard(self.attempted());
        Error::NotInitialised { action }
    }

    /// What is known of the call before its body runs.
    fn attempted(&self) -> Entry {
        let (id, created_at) = self.context.identify(SystemTime::now());
        Entry {
            id,
            created_at,
            action: ActionName::listed(self.site.info.name),
            target_type: self.site.info.target.into(),
            target_id: self.captures.target_id.clone(),
            actor: self.captures.actor.as_deref().cloned(),
            metadata: self.captures.metadata.clone(),
            outcome: Outcome::Attempted,
            error: None,
            duration: None,
            attempt_id: None,
            context: self.context.clone(),
            trace: self.trace.as_deref().copied(),
            durability: self.site.durability,
        }
    }

    fn begin(&mut self, slot: Option<Slot>) {
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
        if let Phase::Preparing { since } = self.phase {
            self.context = Context::current();
            self.trace = Trace::current().map(Box::new);
            self.slot = self.auditor().map(|auditor| auditor.unreserved());
            self.phase = Phase::Running { since };
        }
        self.record(Outcome::Panicked, None);
    }

    fn record(&mut self, outcome: Outcome, error: Option<String>) {
        if let Some((slot, entry)) = self.last_entry(outcome, error) {
            send(slot, entry);
        }
    }

    /// The one entry of the call's end, unless none is wanted, and the slot to send it through.
    fn last_entry(&mut self, outcome: Outcome, error: Option<String>) -> Option<(Option<Slot>, Entry)> {
        self.returned();
        let (after, at) = match self.phase {
            Phase::Returned { after, at } => (Some(after), at),
            // It was announced, and its body has not begun.
            Phase::Waiting if self.attempt.is_some() => (None, SystemTime::now()),
            _ => return None,
        };
        self.phase = Phase::Recorded;
        let slot = self.slot.take();
        if self.captures.skipped || !self.site.on.includes(outcome) {
            return None;
        }
        Some((slot, self.entry(outcome, error, after, at)))
    }

    fn entry(&mut self, outcome: Outcome, error: Option<String>, duration: Option<Duration>, at: SystemTime) -> Entry {
        let captures = std::mem::take(&mut self.captures);
        let mut metadata = captures.metadata;
        if let Some(said) = self.notes.take().and_then(Notes::into_metadata) {
            metadata.others().extend(*said);
        }
        let (id, created_at) = self.context.identify(at);
        Entry {
            id,
            created_at,
            action: ActionName::listed(self.site.info.name),
            target_type: self.site.info.target.into(),
            target_id: captures.target_id,
            actor: captures.actor.map(|actor| *actor),
            metadata,
            outcome,
            error,
            duration,
            attempt_id: self.attempt.take().map(|announced| announced.id),
            context: std::mem::take(&mut self.context),
            trace: self.trace.as_deref().copied(),
            durability: self.site.durability,
        }
    }
}

pub(super) fn send(slot: Option<Slot>, entry: Entry) {
    match slot {
        // A refusal is counted, and tells of itself.
        Some(slot) => drop(slot.send(entry)),
        None => unheard(entry),
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.phase, Phase::Recorded) {
            self.record(Outcome::Cancelled, None);
        }
    }
}
