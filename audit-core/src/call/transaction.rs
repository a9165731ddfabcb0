//! Calls whose success is recorded in the caller's own transaction.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::Call;
use super::guard::send;
use super::scope::turn;
use crate::auditor::{Reserving, Slot};
use crate::outbox::{self, OutboxTransaction};
use crate::store::BoxFuture;
use crate::{Entry, Error, Outcome};

pin_project! {
    /// Reserves a place in the queue, polls the body, and gives back its value with the call, which has not ended yet: how
    /// it ended has still to be written.
    #[must_use = "futures do nothing unless polled"]
    pub struct Watched<F> {
        // Dropped before the call, so that audited calls inside it are recorded first.
        #[pin]
        body: F,
        call: Option<Call>,
        reserving: Reserving,
    }
}

/// The future of a call whose success is recorded in a transaction.
pub const fn watched<T, F: Future<Output = T>>(call: Call, body: F) -> Watched<F> {
    Watched { body, call: Some(call), reserving: Reserving::new() }
}

impl<F: Future> Future for Watched<F> {
    type Output = (F::Output, Call);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let call = this.call.as_mut().expect("a future is not polled again after it has given its value");
        if !call.has_begun() {
            call.arrive();
            // Only a call that is announced is ever refused.
            let _ = ready!(call.poll_begin(this.reserving, cx));
        }
        let value = ready!(turn(call, || this.body.poll(cx)));
        call.returned();
        Poll::Ready((value, this.call.take().expect("it was there a moment ago")))
    }
}

/// The entry of a success that is not written yet. Whatever keeps it from being written, it is recorded.
#[derive(Debug)]
#[must_use = "a success that is not written is recorded as panicked"]
pub struct Unwritten {
    slot: Option<Slot>,
    entry: Option<Box<Entry>>,
    /// What it means when this is dropped.
    dropped: Outcome,
}

impl Unwritten {
    pub(super) fn new(slot: Option<Slot>, entry: Entry) -> Self {
        // Until it is written, nothing runs but the expression that names the transaction.
        Self { slot, entry: Some(Box::new(entry)), dropped: Outcome::Panicked }
    }

    /// Writes the entry in the transaction. In a box, because it is only there after the body has gone.
    ///
    /// # Errors
    ///
    /// When it cannot be written. A failure is then recorded instead.
    pub fn write<T: OutboxTransaction + ?Sized>(mut self, transaction: &mut T) -> BoxFuture<'_, Result<(), Error>> {
        self.dropped = Outcome::Cancelled;
        Box::pin(async move {
            let Some(entry) = self.entry.as_deref().cloned() else { return Ok(()) };
            let written = outbox::write(transaction, entry).await;
            match written {
                Ok(()) => drop(self.entry.take()),
                Err(error) => {
                    self.record(Outcome::Failure, Some(format!("the entry was not written: {error}")));
                    return Err(error);
                }
            }
            Ok(())
        })
    }

    /// Queues the entry with another outcome, and under another id: should the first be committed after all, it is
    /// another one.
    fn record(&mut self, outcome: Outcome, error: Option<String>) {
        if let Some(mut entry) = self.entry.take() {
            entry.id = entry.context.identify_at(entry.created_at.into()).0;
            entry.outcome = outcome;
            entry.error = error;
            send(self.slot.take(), *entry);
        }
    }
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        self.record(self.dropped, None);
    }
}

/// A function that can say that its entry was not written.
#[diagnostic::on_unimplemented(
    message = "`tx` may fail to write the entry, and this function could not say so",
    label = "`{Self}` is no `Result` whose error can be made from `audit_core::Error`",
    note = "return a `Result`, and implement `From<audit_core::Error>` for its error type"
)]
pub trait Failing {
    /// What the caller gets when the entry cannot be written.
    fn failed(error: Error) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T, E: From<Error>> Failing for Result<T, E> {
    fn failed(error: Error) -> Self {
        Err(error.into())
    }
}
