//! From a reserved place to an entry that is kept.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::Auditor;
use crate::writer::{Acknowledgement, DropReason, NotKept, Place};
use crate::{ActionName, Entry, Error};

/// The right to send one entry. Dropped unused, its place in the queue goes back.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(super) auditor: Auditor,
    /// None when the queue had none to give.
    pub(super) place: Option<Place>,
}

impl Slot {
    /// Queues the entry, without ever waiting; where there is no place, it is counted as dropped.
    pub(crate) fn send(self, entry: Entry) -> Result<(), Error> {
        let Some(entry) = self.auditor.for_writer(entry) else { return Ok(()) };
        self.auditor.count_if_unattributed(&entry);
        let action = entry.action.clone();
        let sent = match self.place {
            Some(place) => place.fill(entry),
            None => self.auditor.queue().push_unreserved(entry),
        };
        sent.map_err(|reason| refused(&action, reason))
    }

    /// [`Self::send_durably`] of an entry that announces work: it is refused where it lacks the actor that is required.
    pub(crate) fn announce(self, entry: Entry) -> Result<Pending, Error> {
        self.auditor.demand_actor(&entry)?;
        self.send_durably(entry)
    }

    /// [`Self::send`], for callers who then wait until the entry is kept.
    pub(crate) fn send_durably(self, entry: Entry) -> Result<Pending, Error> {
        let (action, timeout) = (entry.action.clone(), self.auditor.durable_timeout());
        let Some(entry) = self.auditor.for_writer(entry) else {
            return Ok(Pending { auditor: self.auditor, action, acknowledgement: None });
        };
        self.auditor.count_if_unattributed(&entry);
        let sent = match self.place {
            Some(place) => place.fill_durably(entry, timeout),
            None => self.auditor.queue().push_unreserved_durably(entry, timeout),
        };
        match sent {
            Ok(acknowledgement) => {
                Ok(Pending { auditor: self.auditor, action, acknowledgement: Some(acknowledgement) })
            }
            Err(reason) => Err(refused(&action, reason)),
        }
    }
}

fn refused(action: &ActionName, reason: DropReason) -> Error {
    if reason == DropReason::NoWriter {
        super::global::say_gone(action.as_str());
    }
    Error::Dropped { action: action.to_string(), reason: reason.advice() }
}

/// An entry in the queue: resolves when it is kept, at the latest after the auditor's `durable_timeout`.
///
/// # Cancellation
///
/// Dropped, it cancels nothing: the entry is in the queue.
#[derive(Debug)]
#[must_use = "an entry is not known to be kept before it was waited for"]
pub(crate) struct Pending {
    auditor: Auditor,
    action: ActionName,
    /// None where there is no writer.
    acknowledgement: Option<Acknowledgement>,
}

impl Future for Pending {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(acknowledgement) = &mut self.acknowledgement else { return Poll::Ready(Ok(())) };
        let kept = Pin::new(acknowledgement).poll(cx);
        kept.map_err(|not_kept| {
            let action = self.action.to_string();
            match not_kept {
                NotKept::Late => Error::NotDurable { action, timeout: self.auditor.durable_timeout() },
                NotKept::Lost => Error::Unconfirmed { action },
                NotKept::NobodyElse => Error::OwnThread { action },
            }
        })
    }
}

/// The wait for a slot. Boxed once there is one, because only a full queue makes a caller wait.
pub(crate) struct Reserving(Option<Pin<Box<dyn Future<Output = Slot> + Send + Sync>>>);

impl Reserving {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    pub(crate) fn poll(&mut self, auditor: &Auditor, cx: &mut Context<'_>) -> Poll<Slot> {
        if self.0.is_none()
            && let Some(slot) = auditor.reserve_now()
        {
            return Poll::Ready(slot);
        }
        let waiting = self.0.get_or_insert_with(|| {
            let auditor = auditor.clone();
            Box::pin(async move { auditor.reserve().await })
        });
        let polled = waiting.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}
