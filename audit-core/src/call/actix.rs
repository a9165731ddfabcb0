//! Responses of actix-web, judged as those of the crate `http` are: 401 and 403 are denied, the other codes from 400 to 599
//! failures, and all others successes.

use actix_web::http::StatusCode;
use actix_web::web::{Form, Html, Json};
use actix_web::{Error, HttpResponse};

use super::AuditOutcome;
use super::response::UsualResponse;
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

impl<B> AuditOutcome for HttpResponse<B> {
    fn audit_outcome(&self) -> Outcome {
        self.status().audit_outcome()
    }

    fn audit_error(&self) -> Option<String> {
        self.status().audit_error()
    }
}

/// What it says itself is recorded as the error.
impl AuditOutcome for Error {
    fn audit_outcome(&self) -> Outcome {
        self.as_response_error().status_code().audit_outcome()
    }
}

impl UsualResponse for Html {}
impl<T> UsualResponse for Form<T> {}
impl<T> UsualResponse for Json<T> {}
// The same type is one of axum's.
#[cfg(not(feature = "axum"))]
impl UsualResponse for actix_web::web::Bytes {}
