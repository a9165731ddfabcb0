//! Status codes and responses of the crate `http`.
//!
//! 401 and 403 are denied, the other codes from 400 to 599 failures, and all others successes. What is recorded as the error of a
//! call that failed is its status alone, `403 Forbidden`: a body may hold anything.

use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};

use super::AuditOutcome;
use super::status::outcome_of_status;
use crate::Outcome;

impl AuditOutcome for StatusCode {
    fn audit_outcome(&self) -> Outcome {
        outcome_of_status(self.as_u16())
    }

    fn audit_error(&self) -> Option<String> {
        (self.audit_outcome() != Outcome::Success).then(|| self.to_string())
    }
}

/// What fixes the status of the response that it begins.
pub trait HasStatus {
    /// The status.
    fn status(&self) -> StatusCode;
}

impl HasStatus for StatusCode {
    fn status(&self) -> StatusCode {
        *self
    }
}

impl HasStatus for Parts {
    fn status(&self) -> StatusCode {
        self.status
    }
}

impl<B> HasStatus for Response<B> {
    fn status(&self) -> StatusCode {
        self.status()
    }
}

/// Says of a type what one of its parts says.
macro_rules! judged_by {
    ([$($generics:tt)*] $type:ty, |$value:ident| $part:expr) => {
        impl<$($generics)*> AuditOutcome for $type {
            fn audit_outcome(&self) -> Outcome {
                let $value = self;
                $part.audit_outcome()
            }

            fn audit_error(&self) -> Option<String> {
                let $value = self;
                $part.audit_error()
            }
        }
    };
}

judged_by!([] Parts, |parts| parts.status);
judged_by!([B] Response<B>, |response| response.status());
judged_by!([R: AuditOutcome] (HeaderMap, R), |response| response.1);
judged_by!([K, V, R: AuditOutcome, const N: usize] ([(K, V); N], R), |response| response.1);

/// Tuples of every length that `axum` makes a response of.
macro_rules! tuples {
    () => {};
    ($first:ident $($rest:ident)*) => {
        judged_by!([S: HasStatus, $first, $($rest,)*] (S, $first, $($rest,)*), |response| response.0.status());
        tuples!($($rest)*);
    };
}

tuples!(A B C D E F G H I J K L M N O P Q);
