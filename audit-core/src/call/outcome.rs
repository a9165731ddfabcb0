//! Values that say how the call ended.

use std::sync::Arc;

use crate::Outcome;

/// A value that says how the call ended that returned it.
///
/// A `Result` is a success when it is `Ok` and a failure when it is `Err`, and any other value is a
/// success. An error or a success value whose type implements this trait decides for itself, so that a
/// refusal is recorded as denied. Of a `Result` inside a `Result`, the inner `Err` is a failure too.
///
/// Where the type is not your own, write `outcome = |returned| EXPR` in the attribute. The trait is not
/// asked where the function's return type hides it (a type parameter, an `impl Trait` of its caller).
///
/// # Examples
///
/// ```
/// use audit_core::{AuditOutcome, Outcome, audited};
///
/// enum Error {
///     NotYours,
///     NotFound,
/// }
///
/// impl AuditOutcome for Error {
///     fn audit_outcome(&self) -> Outcome {
///         match self {
///             Self::NotYours => Outcome::Denied,
///             Self::NotFound => Outcome::Failure,
///         }
///     }
/// }
///
/// #[audited(action = "project.deleted")]
/// fn delete(project_id: u64) -> Result<(), Error> {
///     Err(Error::NotYours) // recorded as denied
/// }
/// ```
pub trait AuditOutcome {
    /// The outcome to record.
    fn audit_outcome(&self) -> Outcome;
}

impl AuditOutcome for Outcome {
    fn audit_outcome(&self) -> Outcome {
        *self
    }
}

impl<T, E> AuditOutcome for Result<T, E> {
    fn audit_outcome(&self) -> Outcome {
        if self.is_ok() { Outcome::Success } else { Outcome::Failure }
    }
}

macro_rules! through {
    ($($pointer:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: AuditOutcome + ?Sized> AuditOutcome for $pointer {
            fn audit_outcome(&self) -> Outcome {
                (**self).audit_outcome()
            }
        }
    )*};
}

through!(&T, &mut T, Box<T>, Arc<T>);
