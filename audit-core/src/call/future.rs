//! The future of an audited call.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::Call;
use super::scope::Turn;
use crate::auditor::Slot;

/// `Sync`, because the body may be so, and what annotates it must not take that away.
type Waiting = Pin<Box<dyn Future<Output = Slot> + Send + Sync>>;

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
        // Boxed, because only a full queue makes a caller wait.
        waiting: Option<Waiting>,
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
    Audited { body, call: Some((call, after)), waiting: None, value: PhantomData }
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
            let slot = ready!(poll_place(call, this.waiting, cx));
            *this.waiting = None;
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

fn poll_place(call: &Call, waiting: &mut Option<Waiting>, cx: &mut Context<'_>) -> Poll<Option<Slot>> {
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
