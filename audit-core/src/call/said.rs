//! What a returned value says of the outcome.
//!
//! As in [`ended`](super::ended), the compiler's search for methods decides: of the traits below, it takes the first whose
//! implementation fits the type. A value says its outcome, or means the usual one, or becomes a response whose status
//! nobody knows, or is any other value.

use super::AuditOutcome;
use super::response::UsualResponse;
use crate::Outcome;

/// A success value or an error: `(&&&&Said(value)).outcome_or(usual)`.
#[derive(Debug)]
pub struct Said<'a, T: ?Sized>(pub &'a T);

/// The same, of a function that returns `impl IntoResponse`.
#[derive(Debug)]
pub struct SaidResponse<'a, T: ?Sized>(pub &'a T);

/// Values that say which outcome they mean.
pub trait Judging {
    /// The outcome.
    fn outcome_or(&self, usual: Outcome) -> Outcome;

    /// The text to record as the error.
    fn error(&self) -> Option<String>;
}

/// Values that mean the usual outcome, also where they become a response.
pub trait Usual {
    /// The outcome.
    fn outcome_or(&self, usual: Outcome) -> Outcome;

    /// No text.
    fn error(&self) -> Option<String> {
        None
    }
}

/// Values that become a response whose status is not known.
pub trait Unjudged<T: ?Sized> {
    /// Refuses the function, while the program compiles.
    fn outcome_or(&self, usual: Outcome) -> Outcome
    where
        T: AuditOutcome;

    /// No text.
    fn error(&self) -> Option<String> {
        None
    }
}

/// Any other value: the usual outcome.
pub trait Silent {
    /// The outcome.
    fn outcome_or(&self, usual: Outcome) -> Outcome;

    /// No text.
    fn error(&self) -> Option<String> {
        None
    }
}

macro_rules! levels {
    ($said:ident) => {
        impl<T: AuditOutcome + ?Sized> Judging for &&&$said<'_, T> {
            fn outcome_or(&self, _: Outcome) -> Outcome {
                self.0.audit_outcome()
            }

            fn error(&self) -> Option<String> {
                self.0.audit_error()
            }
        }

        impl<T: UsualResponse + ?Sized> Usual for &&$said<'_, T> {
            fn outcome_or(&self, usual: Outcome) -> Outcome {
                usual
            }
        }
    };
}

levels!(Said);
levels!(SaidResponse);

#[cfg(feature = "axum")]
impl<T: axum::response::IntoResponse> Unjudged<T> for &Said<'_, T> {
    fn outcome_or(&self, _: Outcome) -> Outcome
    where
        T: AuditOutcome,
    {
        self.0.audit_outcome()
    }
}

impl<T: ?Sized> Unjudged<T> for SaidResponse<'_, T> {
    fn outcome_or(&self, _: Outcome) -> Outcome
    where
        T: AuditOutcome,
    {
        self.0.audit_outcome()
    }
}

impl<T: ?Sized> Silent for Said<'_, T> {
    fn outcome_or(&self, usual: Outcome) -> Outcome {
        usual
    }
}

#[cfg(test)]
#[expect(clippy::needless_borrow, reason = "the references are what is tested")]
mod tests {
    use super::{Judging as _, Said, SaidResponse, Silent as _, Usual as _};
    use crate::{AuditOutcome, Outcome};

    struct Refusal;

    impl AuditOutcome for Refusal {
        fn audit_outcome(&self) -> Outcome {
            Outcome::Denied
        }
    }

    #[test]
    fn a_value_that_says_its_outcome_is_believed() {
        struct Mute;
        assert_eq!((&&&&Said(&Refusal)).outcome_or(Outcome::Failure), Outcome::Denied);
        assert_eq!((&&&&Said("silent")).outcome_or(Outcome::Failure), Outcome::Failure);
        assert_eq!((&&&&Said(&Mute)).outcome_or(Outcome::Success), Outcome::Success);
        assert_eq!((&&&&SaidResponse("silent")).outcome_or(Outcome::Success), Outcome::Success);
        assert_eq!((&&&&Said(&Refusal)).error(), None);
    }
}
