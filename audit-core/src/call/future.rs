//! The future of an audited call.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::Call;
use super::scope::Turn;
use crate::auditor::{Reserving, Slot};

pin_project! {
    /// Reserves a place in the queue, polls the body, and hands the body's value and the call to `after`,
    /// which ends the call.
    ///
    /// It holds the body in place: a helper `async fn` would hold it twice.
    #[must_use = "futures do nothing unless polled"]
    pub struct Audited<T, F, A> {
        // Dropped before the call, so that audited calls inside it are recorded first.
        #[pin]
        body: F,
        call: Option<(Call, A)>,
        reserving: Reserving,
        value: PhantomData<fn() -> T>,
    }
}

/// The future of an audited call.
pub const fn audited_future<T, F, A>(call: Call, body: F, after: A) -> Audited<T, F, A>
where
    F: Future<Output = T>,
    A: FnOnce(&T, Call),
{
    audited_returned(call, body, after)
}

/// The same for a function that returns a future. Whether the body is one is left to the function's return type,
/// so that a mistake is reported once, and there.
pub const fn audited_returned<T, F, A>(call: Call, body: F, after: A) -> Audited<T, F, A>
where
    A: FnOnce(&T, Call),
{
    Audited { body, call: Some((call, after)), reserving: Reserving::new(), value: PhantomData }
}

/// The future that a function returns. Its early returns are those of a closure.
pub fn returned<F>(body: impl FnOnce() -> F) -> F {
    body()
}

impl<T, F: Future<Output = T>, A: FnOnce(&T, Call)> Future for Audited<T, F, A> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (call, _) = this.call.as_mut().expect("a future is not polled again after it has given its value");
        if !call.has_begun() {
            call.arrive();
            let slot = ready!(poll_place(call, this.reserving, cx));
            call.begin(slot);
        }
        let turn = Turn::enter(call);
        let polled = this.body.poll(cx);
        turn.leave();
        let value = ready!(polled);
        call.returned();
        let (call, after) = this.call.take().expect("it was there a moment ago");
        after(&value, call);
        Poll::Ready(value)
    }
}

fn poll_place(call: &Call, reserving: &mut Reserving, cx: &mut Context<'_>) -> Poll<Option<Slot>> {
    match call.auditor() {
        Some(auditor) => reserving.poll(&auditor, cx).map(Some),
        None => Poll::Ready(None),
    }
}
