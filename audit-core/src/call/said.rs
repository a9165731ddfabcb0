//! What a returned value says of the outcome.
//!
//! As in [`ended`](super::ended), the compiler's search for methods decides: it takes the first that fits of the type's own,
//! those of traits for the value, for a reference to it, and for a mutable one. A value says its outcome, or means the usual
//! one, or becomes a response whose status nobody knows, or is any other value.

use super::AuditOutcome;
use super::response::UsualResponse;

/// A success value or an error: `Said(value).voice()`.
#[derive(Debug)]
pub struct Said<'a, T>(pub &'a T);

/// The same, of a function that returns `impl IntoResponse`.
#[derive(Debug)]
pub struct SaidResponse<'a, T>(pub &'a T);

/// What says the outcome, and what to record as the error; without one, both are the usual ones.
pub(super) type Voice<'a> = Option<&'a dyn AuditOutcome>;

/// Values that mean the usual outcome, also where they become a response.
pub trait Usual<'a>: Sized {
    /// None.
    fn voice(self) -> Voice<'a> {
        None
    }

    /// None.
    fn voice_of_error(self) -> Voice<'a> {
        None
    }
}

/// Values that become a response whose status is not known.
pub trait Unjudged<'a, T>: Sized {
    /// Refuses the function, while the program compiles.
    fn voice(self) -> Voice<'a>
    where
        T: AuditOutcome;

    /// None.
    fn voice_of_error(self) -> Voice<'a> {
        None
    }
}

/// Any other value: the usual outcome.
pub trait Silent<'a>: Sized {
    /// None.
    fn voice(self) -> Voice<'a> {
        None
    }

    /// None.
    fn voice_of_error(self) -> Voice<'a> {
        None
    }
}

macro_rules! judging {
    ($said:ident) => {
        impl<'a, T: AuditOutcome> $said<'a, T> {
            /// The value, which says which outcome it means.
            #[must_use]
            pub fn voice(self) -> Voice<'a> {
                Some(self.0)
            }

            /// The value, for its error alone.
            #[must_use]
            pub fn voice_of_error(self) -> Voice<'a> {
                Some(self.0)
            }
        }
    };
}

judging!(Said);
judging!(SaidResponse);

impl<'a, T: UsualResponse> Usual<'a> for SaidResponse<'a, T> {}

/// Where nothing becomes a response, the compiler finds the usual case at its first step.
#[cfg(not(feature = "axum"))]
impl<'a, T> Silent<'a> for Said<'a, T> {}

#[cfg(feature = "axum")]
impl<'a, T> Silent<'a> for &mut Said<'a, T> {}

#[cfg(feature = "axum")]
impl<'a, T: UsualResponse> Usual<'a> for Said<'a, T> {}

#[cfg(feature = "axum")]
impl<'a, T: axum::response::IntoResponse> Unjudged<'a, T> for &Said<'a, T> {
    fn voice(self) -> Voice<'a>
    where
        T: AuditOutcome,
    {
        Some(self.0)
    }
}

impl<'a, T> Unjudged<'a, T> for &SaidResponse<'a, T> {
    fn voice(self) -> Voice<'a>
    where
        T: AuditOutcome,
    {
        Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Said, SaidResponse, Silent as _, Usual as _};
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
        let voice = Said(&Refusal).voice();
        assert_eq!(voice.map(AuditOutcome::audit_outcome), Some(Outcome::Denied));
        assert!(Said(&"silent").voice().is_none());
        assert!(Said(&Mute).voice().is_none());
        assert!(SaidResponse(&"silent").voice().is_none());
    }
}
