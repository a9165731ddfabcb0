//! What a returned value tells about the call.
//!
//! Which method is meant is decided by the compiler's search for methods, which tries more references
//! first: an expansion calls `(&&&Ended(&value)).outcome()` with these traits in scope, and any error type
//! compiles, whether it implements `Display` or not. A type that hides its `Result` (a type parameter,
//! an `impl Trait`) is a value like any other, and so a success.

use std::any::type_name;
use std::fmt::Display;

use crate::Outcome;

/// A value that an audited function returned.
#[derive(Debug)]
pub struct Ended<'a, T>(pub &'a T);

impl<'a, T, E> Ended<'a, Result<T, E>> {
    /// Looks at the success value, if it was one.
    pub fn on_ok<R>(self, look: impl FnOnce(&'a T) -> R) -> Option<R> {
        self.0.as_ref().ok().map(look)
    }
}

/// Values that are no `Result`.
pub trait OnValue<'a, T: 'a> {
    /// Looks at the value.
    fn on_ok<R>(self, look: impl FnOnce(&'a T) -> R) -> Option<R>;
}

impl<'a, T> OnValue<'a, T> for Ended<'a, T> {
    fn on_ok<R>(self, look: impl FnOnce(&'a T) -> R) -> Option<R> {
        Some(look(self.0))
    }
}

/// A `Result` whose error has a text: the text is kept.
pub trait DisplayedError {
    /// The outcome, and what is kept of the error.
    fn outcome(&self) -> (Outcome, Option<String>);
}

impl<T, E: Display> DisplayedError for &&Ended<'_, Result<T, E>> {
    fn outcome(&self) -> (Outcome, Option<String>) {
        match self.0 {
            Ok(_) => (Outcome::Success, None),
            Err(error) => (Outcome::Failure, Some(error.to_string())),
        }
    }
}

/// A `Result` whose error has no text: the name of its type is kept.
pub trait AnyError {
    /// The outcome, and what is kept of the error.
    fn outcome(&self) -> (Outcome, Option<String>);
}

impl<T, E> AnyError for &Ended<'_, Result<T, E>> {
    fn outcome(&self) -> (Outcome, Option<String>) {
        match self.0 {
            Ok(_) => (Outcome::Success, None),
            Err(_) => (Outcome::Failure, Some(type_name::<E>().to_owned())),
        }
    }
}

/// Any other value: a success.
pub trait AnyValue {
    /// The outcome, and what is kept of the error.
    fn outcome(&self) -> (Outcome, Option<String>);
}

impl<T> AnyValue for Ended<'_, T> {
    fn outcome(&self) -> (Outcome, Option<String>) {
        (Outcome::Success, None)
    }
}

#[cfg(test)]
mod tests {
    use super::{AnyError as _, AnyValue as _, DisplayedError as _, Ended, OnValue as _};
    use crate::Outcome;

    struct Silent;

    #[test]
    #[expect(clippy::needless_borrow, reason = "the references are what is tested")]
    fn the_outcome_follows_from_the_type_and_the_value() {
        let displayed: Result<(), &str> = Err("no");
        let silent: Result<(), Silent> = Err(Silent);
        let fine: Result<i32, Silent> = Ok(3);
        assert_eq!((&&&Ended(&displayed)).outcome(), (Outcome::Failure, Some("no".to_owned())));
        let (outcome, error) = (&&&Ended(&silent)).outcome();
        assert_eq!(outcome, Outcome::Failure);
        assert!(error.is_some_and(|error| error.ends_with("Silent")));
        assert_eq!((&&&Ended(&fine)).outcome(), (Outcome::Success, None));
        assert_eq!((&&&Ended(&Silent)).outcome(), (Outcome::Success, None));
    }

    #[test]
    fn only_a_success_value_is_looked_at() {
        let failed: Result<String, &str> = Err("no");
        let fine: Result<String, &str> = Ok("yes".to_owned());
        assert_eq!(Ended(&failed).on_ok(String::len), None);
        assert_eq!(Ended(&fine).on_ok(String::len), Some(3));
        assert_eq!(Ended(&"bare").on_ok(|text| text.len()), Some(4));
    }
}
