//! One entry on its way from [`Auditor::record`] to safety.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use uuid::Uuid;

use super::Auditor;
use super::slot::{Pending, Reserving, Slot};
use crate::writer::block_on;
use crate::{Durability, Entry, Error};

/// The recording of one entry: a future of the entry's id. `auditor.record(entry).await` waits as long as the entry's
/// durability asks for; [`Self::durability`] changes it, [`Self::blocking`] is for code without async.
///
/// # Errors
///
/// * [`Error::NoActor`]: the auditor [requires an actor](crate::Builder::require_actor), and the entry has none.
/// * [`Error::Dropped`]: there was no place or no writer, and the entry is counted as dropped.
/// * [`Error::NotDurable`]: the entry was neither stored nor in the journal within the builder's `durable_timeout`. It
///   goes on waiting, and may be stored yet.
/// * [`Error::Unconfirmed`]: the writer ended before the store had answered.
/// * [`Error::OwnThread`]: this runs on a writer's own thread (in a `tracing` layer, say), where nothing is waited for.
///
/// # Cancellation
///
/// The entry is queued or not recorded at all.
///
/// # Examples
///
/// ```no_run
/// # async fn example(auditor: audit_core::Auditor, entry: audit_core::Entry) -> Result<(), audit_core::Error> {
/// let id = auditor.record(entry).durable().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an entry is recorded when this is awaited, or ended by `blocking`"]
pub struct Recording {
    auditor: Auditor,
    id: Uuid,
    durability: Durability,
    step: Step,
}

#[expect(
    clippy::large_enum_variant,
    reason = "an entry is sent at the first poll; a box would be an allocation for each"
)]
enum Step {
    /// It waits for a place in the queue.
    Unsent(Entry, Reserving),
    /// It is in the queue, or was refused.
    Sent(Result<Option<Pending>, Error>),
    Told,
}

impl Recording {
    pub(super) const fn new(auditor: Auditor, entry: Entry) -> Self {
        Self { auditor, id: entry.id, durability: entry.durability, step: Step::Unsent(entry, Reserving::new()) }
    }

    /// An entry that is sent at once, and waited for afterwards.
    pub(super) fn sent(slot: Slot, entry: Entry, durability: Durability) -> Self {
        let (auditor, id) = (slot.auditor.clone(), entry.id);
        Self { auditor, id, durability, step: Step::Sent(send(slot, entry, durability)) }
    }

    /// What is waited for; what the catalog says of the action unless said. An entry tells of work that was done, so
    /// [`Durability::Before`] waits as [`Durability::Durable`] does; [`Auditor::attempt`] comes before the work.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Waits until the entry is stored, or in the journal.
    pub const fn durable(self) -> Self {
        self.durability(Durability::Durable)
    }

    /// Waits on this thread, for code without async.
    ///
    /// # Errors
    ///
    /// As the future.
    pub fn blocking(self) -> Result<Uuid, Error> {
        block_on(self)
    }
}

fn send(slot: Slot, entry: Entry, durability: Durability) -> Result<Option<Pending>, Error> {
    if durability.waits() { slot.send_durably(entry).map(Some) } else { slot.send(entry).map(|()| None) }
}

impl Future for Recording {
    type Output = Result<Uuid, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Step::Unsent(entry, reserving) = &mut this.step {
            if let Err(refused) = this.auditor.demand_actor(entry) {
                this.auditor.count_refused();
                this.step = Step::Told;
                return Poll::Ready(Err(refused));
            }
            let slot = ready!(reserving.poll(&this.auditor, cx));
            if let Step::Unsent(entry, _) = std::mem::replace(&mut this.step, Step::Told) {
                this.step = Step::Sent(send(slot, entry, this.durability));
            }
        }
        if let Step::Sent(Ok(Some(pending))) = &mut this.step {
            ready!(Pin::new(pending).poll(cx))?;
            this.step = Step::Told;
            return Poll::Ready(Ok(this.id));
        }
        match std::mem::replace(&mut this.step, Step::Told) {
            Step::Sent(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(this.id)),
        }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("id", &self.id).field("durability", &self.durability).finish_non_exhaustive()
    }
}
