//! What the durability of a call asks of its function.

use std::marker::PhantomData;
use std::task::{Context, Poll};

use super::{On, Told};
use crate::{Durability, Error};

/// The contract of a durability, by its [`code`].
#[derive(Debug)]
pub struct Promise<const DURABILITY: u8>;

/// A durability as a parameter of a type.
#[must_use]
pub const fn code(durability: Durability) -> u8 {
    durability as u8
}

/// What a durability asks of a function that gives a `T`.
#[diagnostic::on_unimplemented(
    message = "`durability = \"before\"` may refuse a call, and this function could not say so",
    label = "`{T}` is no `Result` whose error can be made from `audit_core::Error`",
    note = "return a `Result`, and implement `From<audit_core::Error>` for its error type",
    note = "or write `durability = \"durable\"`, which never refuses a call"
)]
pub trait Contract<T> {
    /// What comes of it while the call goes on.
    type Terms: Terms<T>;

    /// The beginning.
    fn terms() -> Self::Terms;
}

impl<T> Contract<T> for Promise<{ code(Durability::Queued) }> {
    type Terms = Passing<T>;

    fn terms() -> Passing<T> {
        Passing(PhantomData)
    }
}

impl<T> Contract<T> for Promise<{ code(Durability::Durable) }> {
    type Terms = Waiting<T>;

    fn terms() -> Waiting<T> {
        Waiting { kept: None, refused: |error| never_refused(&error) }
    }
}

#[diagnostic::do_not_recommend]
impl<T, E: From<Error>> Contract<Result<T, E>> for Promise<{ code(Durability::Before) }> {
    type Terms = Waiting<Result<T, E>>;

    fn terms() -> Waiting<Result<T, E>> {
        Waiting { kept: None, refused: |error| Err(error.into()) }
    }
}

fn never_refused<T>(error: &Error) -> T {
    unreachable!("only a call that is announced is ever refused: {error}")
}

/// Where a call keeps its value until its entry is kept, and what it gives instead when its body must not run.
pub trait Terms<T> {
    /// What the caller gets when the body must not run.
    fn refused(&self, error: Error) -> T;

    /// Takes the value in; gives it back if there is nothing to wait for.
    fn keep(&mut self, value: T, told: Told) -> Option<T>;

    /// Gives the value back once the entry is kept, or was waited for long enough.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T>;
}

/// Keeps nothing, so that the future of a queued call is what it was: `Send`, `Sync` and small.
#[derive(Debug)]
pub struct Passing<T>(PhantomData<fn() -> T>);

impl<T> Terms<T> for Passing<T> {
    fn refused(&self, error: Error) -> T {
        never_refused(&error)
    }

    fn keep(&mut self, value: T, _: Told) -> Option<T> {
        Some(value)
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<T> {
        panic!("a future is not polled again after it has given its value")
    }
}

/// Keeps the value in a box: it is only there while the future waits.
#[derive(Debug)]
pub struct Waiting<T> {
    kept: Option<Box<(T, Told)>>,
    refused: fn(Error) -> T,
}

impl<T> Terms<T> for Waiting<T> {
    fn refused(&self, error: Error) -> T {
        (self.refused)(error)
    }

    fn keep(&mut self, value: T, told: Told) -> Option<T> {
        if told.is_over() {
            return Some(value);
        }
        self.kept = Some(Box::new((value, told)));
        None
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        let (_, told) = &mut **self.kept.as_mut().expect("a future is not polled again after it has given its value");
        if told.poll(cx).is_pending() {
            return Poll::Pending;
        }
        let (value, _) = *self.kept.take().expect("it was there a moment ago");
        Poll::Ready(value)
    }
}

/// Refuses a function that never returns, and so has no way to say that it was refused.
///
/// # Panics
///
/// While the program compiles.
#[track_caller]
pub const fn check_endless(durability: Durability) {
    assert!(
        !matches!(durability, Durability::Before),
        "`durability = \"before\"` may refuse a call, and a function that never returns could not say so"
    );
}

/// Refuses to leave out the ends of attempts.
///
/// # Panics
///
/// While the program compiles.
#[track_caller]
pub const fn check_on(durability: Durability, on: On) {
    assert!(
        matches!(on, On::Always) || !matches!(durability, Durability::Before),
        "`durability = \"before\"` records every outcome, because an attempt without an end is a finding: take `on` away"
    );
}
