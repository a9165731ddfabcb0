//! The future of an audited call.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::contract::Terms;
use super::scope::turn;
use super::{Call, Told};
use crate::auditor::Reserving;

pin_project! {
    /// Reserves a place in the queue, polls the body, and hands the body's value and the call to `after`, which ends the
    /// call; a durable call then waits until its entry is kept.
    ///
    /// It holds the body in place: a helper `async fn` would hold it twice.
    #[must_use = "futures do nothing unless polled"]
    pub struct Audited<T, F, A, C> {
        // Dropped before the call, so that audited calls inside it are recorded first.
        #[pin]
        body: F,
        call: Option<(Call, A)>,
        reserving: Reserving,
        terms: C,
        value: PhantomData<fn() -> T>,
    }
}

/// The future of an audited call.
pub const fn audited_future<T, F, A, C>(call: Call, body: F, after: A, terms: C) -> Audited<T, F, A, C>
where
    F: Future<Output = T>,
    A: FnOnce(&T, Call) -> Told,
    C: Terms<T>,
{
    Audited { body, call: Some((call, after)), reserving: Reserving::new(), terms, value: PhantomData }
}

/// The same for a function that returns a future. Whether the body gives one is left to the function's return type,
/// so that a mistake is reported once, and there.
pub fn audited_returned<T, F, A, C>(call: Call, body: impl FnOnce() -> F, after: A, terms: C) -> Audited<T, F, A, C>
where
    A: FnOnce(&T, Call) -> Told,
    C: Terms<T>,
{
    let (body, call) = call.prepare(body);
    Audited { body, call: Some((call, after)), reserving: Reserving::new(), terms, value: PhantomData }
}

/// The same where only the body tells what the future gives.
pub fn audited_opaque<T, F, A, C>(call: Call, body: impl FnOnce() -> F, after: A, terms: C) -> Audited<T, F, A, C>
where
    F: Future<Output = T>,
    A: FnOnce(&T, Call) -> Told,
    C: Terms<T>,
{
    audited_returned(call, body, after, terms)
}

impl<T, F, A, C> Future for Audited<T, F, A, C>
where
    F: Future<Output = T>,
    A: FnOnce(&T, Call) -> Told,
    C: Terms<T>,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some((call, _)) = this.call else { return this.terms.poll(cx) };
        if !call.has_begun() {
            call.arrive();
            if let Err(error) = ready!(call.poll_begin(this.reserving, cx)) {
                *this.call = None;
                return Poll::Ready(this.terms.refused(error));
            }
        }
        let value = ready!(turn(call, || this.body.poll(cx)));
        if call.is_skipped() {
            *this.call = None;
            return Poll::Ready(value);
        }
        call.returned();
        let (call, after) = this.call.take().expect("it was there a moment ago");
        let told = after(&value, call);
        match this.terms.keep(value, told) {
            Some(value) => Poll::Ready(value),
            None => this.terms.poll(cx),
        }
    }
}
