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
/// # Web services
///
/// With the feature `http`, status codes, responses and the tuples that begin with one say it themselves: 401 and 403 are denied, the
/// other 4xx and 5xx failures, and the error text is the status. `impl IntoResponse` is looked through: what counts
/// is the value that the body gives. Where nobody can know its status (it is opaque itself, or a type that implements `IntoResponse` by
/// hand), the function does not compile until the type implements this trait, or the attribute says `outcome`. With the feature `axum`,
/// that goes for every value and error that implements axum's `IntoResponse`. `impl Responder` is looked through likewise, and the feature
/// `actix-web` knows the responses, status codes and errors of that framework.
///
/// # Examples
///
/// ```
/// use audit_core::{AuditOutcome, audited};
///
/// #[derive(AuditOutcome)]
/// enum Error {
///     #[audit(denied)]
///     NotYours,
///     NotFound,
/// }
///
/// #[audited(action = "project.deleted")]
/// fn delete(project_id: u64) -> Result<(), Error> {
///     Err(Error::NotYours) // recorded as denied
/// }
/// ```
///
/// An error that knows its status need not be told twice:
///
/// ```
/// use audit_core::{AuditOutcome, Outcome};
///
/// struct ApiError {
///     status: u16, // or `http::StatusCode`, which implements this trait itself
/// }
///
/// impl AuditOutcome for ApiError {
///     fn audit_outcome(&self) -> Outcome {
///         if matches!(self.status, 401 | 403) { Outcome::Denied } else { Outcome::Failure }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "nobody can tell from `{Self}` how the call ended",
    label = "`{Self}` does not implement `AuditOutcome`, and the status of the response that it becomes is not known here",
    note = "return `Response` or `(StatusCode, …)`, whose status is known with the feature `http` of audit-core; its features `axum` and `actix-web` know `Json` and the like",
    note = "or implement (or derive) `audit_core::AuditOutcome` for `{Self}`",
    note = "or write `outcome = |returned| …` in the attribute"
)]
pub trait AuditOutcome {
    /// The outcome to record.
    fn audit_outcome(&self) -> Outcome;

    /// What to record as the error; none leaves it to the error's `Display`.
    fn audit_error(&self) -> Option<String> {
        None
    }
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

            fn audit_error(&self) -> Option<String> {
                (**self).audit_error()
            }
        }
    )*};
}

through!(&T, &mut T, Box<T>, Arc<T>);
