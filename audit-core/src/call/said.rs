//! What a returned value says of the outcome.
//!
//! As in [`ended`](super::ended), the compiler's search for methods decides: of the traits below, it takes the first whose
//! implementation fits the type. A value says its outcome, or means the usual one, or becomes a response whose status
//! nobody knows, or is any other value.

use super::AuditOutcome;
use super::response::UsualResponse;

/// A success value or an error: `(&&&&Said(value)).voice()`.
#[derive(Debug)]
pub struct Said<'a, T>(pub &'a T);

/// The same, of a function that returns `impl IntoResponse`.
#[derive(Debug)]
pub struct SaidResponse<'a, T>(pub &'a T);

/// What says the outcome, and what to record as the error; without one, both are the usual ones.
pub(super) type Voice<'a> = Option<&'a dyn AuditOutcome>;

/// Values that say which outcome they mean.
pub trait Judging<'a> {
    /// The value.
    fn voice(&self) -> Voice<'a>;

    /// The value, for its error alone.
    fn voice_of_error(&self) -> Voice<'a>;
}

/// Values that mean the usual outcome, also where they become a response.
pub trait Usual<'a> {
    /// None.
    fn voice(&self) -> Voice<'a> {
        None
    }

    /// None.
    fn voice_of_error(&self) -> Voice<'a> {
        None
    }
}

/// Values that become a response whose status is not known.
pub trait Unjudged<'a, T> {
    /// Refuses the function, while the program compiles.
    fn voice(&self) -> Voice<'a>
    where
        T: AuditOutcome;

    /// None.
    fn voice_of_error(&self) -> Voice<'a> {
        None
    }
}

/// Any other value: the usual outcome.
pub trait Silent<'a> {
    /// None.
    fn voice(&self) -> Voice<'a> {
        None
    }

    /// None.
    fn voice_of_error(&self) -> Voice<'a> {
        None
    }
}

macro_rules! levels {
    ($said:ident) => {
        impl<'a, T: AuditOutcome> Judging<'a> for &&&$said<'a, T> {
            fn voice(&self) -> Voice<'a> {
                Some(self.0)
            }

            fn voice_of_error(&self) -> Voice<'a> {
                Some(self.0)
            }
        }

        impl<'a, T: UsualResponse> Usual<'a> for &&$said<'a, T> {}
    };
}

levels!(Said);
levels!(SaidResponse);

#[cfg(feature = "axum")]
impl<'a, T: axum::response::IntoResponse> Unjudged<'a, T> for &Said<'a, T> {
    fn voice(&self) -> Voice<'a>
    where
        T: AuditOutcome,
    {
        Some(self.0)
    }
}

impl<'a, T> Unjudged<'a, T> for SaidResponse<'a, T> {
    fn voice(&self) -> Voice<'a>
    where
        T: AuditOutcome,
    {
        Some(self.0)
    }
}

impl<'a, T> Silent<'a> for Said<'a, T> {}

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
        let voice = (&&&&Said(&Refusal)).voice();
        assert_eq!(voice.map(AuditOutcome::audit_outcome), Some(Outcome::Denied));
        assert!((&&&&Said(&"silent")).voice().is_none());
        assert!((&&&&Said(&Mute)).voice().is_none());
        assert!((&&&&SaidResponse(&"silent")).voice().is_none());
    }
}
