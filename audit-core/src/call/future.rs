//! The future of an audited call.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::Call;
use super::scope::Turn;
use crate::auditor::Slot;
use crate::store::BoxFuture;

pin_project! {
    /// Reserves a place in the queue, then polls the body, and gives back the call with the body's value.
    ///
    /// It holds the body in place: a helper `async fn` would hold it twice.
    #[must_use = "futures do nothing unless polled"]
    pub struct Audited<F> {
        // Dropped before the call, so that audited calls inside it are recorded first.
        #[pin]
        body: F,
        call: Option<Call>,
        // Boxed, because only a full queue makes a caller wait.
        waiting: Option<BoxFuture<'static, Slot>>,
    }
}

/// The future of an audited call.
pub const fn audited_future<F: Future>(call: Call, body: F) -> Audited<F> {
    Audited { body, call: Some(call), waiting: None }
}

impl<F: Future> Future for Audited<F> {
    type Output = (F::Output, Call);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let call = this.call.as_mut().expect("a future is not polled again after it has given its value");
        if !call.has_begun() {
            let slot = ready!(poll_place(call, this.waiting, cx));
            *this.waiting = None;
            call.begin(slot);
        }
        let turn = Turn::enter(call);
        let polled = this.body.poll(cx);
        turn.leave();
        let value = ready!(polled);
        call.returned();
        let call = this.call.take().expect("it was there a moment ago");
        Poll::Ready((value, call))
    }
}

fn poll_place(call: &Call, waiting: &mut Option<BoxFuture<'static, Slot>>, cx: &mut Context<'_>) -> Poll<Option<Slot>> {
    if waiting.is_none() {
        let Some(auditor) = call.auditor() else { return Poll::Ready(None) };
        if let Some(slot) = auditor.reserve_now() {
            return Poll::Ready(Some(slot));
        }
        *waiting = Some(Box::pin(async move { auditor.reserve().await }));
    }
    match waiting {
        Some(waiting) => waiting.as_mut().poll(cx).map(Some),
        None => Poll::Ready(None),
    }
}
