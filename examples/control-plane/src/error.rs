//! What goes wrong, what the client is told of it, and what the log is.

use audit_core::AuditOutcome;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What goes wrong.
#[derive(Debug, thiserror::Error, AuditOutcome)]
#[non_exhaustive]
pub enum Error {
    /// Nobody is signed in, and no key was shown that is good.
    #[error("sign in, or show an API key")]
    #[audit(denied)]
    Unauthenticated,
    /// Whoever asks may not do that.
    #[error("{0} may not do that")]
    #[audit(denied)]
    Forbidden(&'static str),
    /// The request names something that is not there.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// There is one already.
    #[error("there is such a {0} already")]
    Exists(&'static str),
    /// The project is suspended.
    #[error("the project is suspended")]
    Suspended,
    /// A field is not as it must be.
    #[error("{0}")]
    Invalid(&'static str),
    /// The database failed.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// What must be recorded could not be.
    #[error("the audit log failed")]
    Audit(#[from] audit_core::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(refused) if refused.is_unique_violation() => Self::Exists("name"),
            Some(refused) if refused.is_foreign_key_violation() => Self::NotFound("project"),
            _ => Self::Database(error),
        }
    }
}

impl Error {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Exists(_) | Self::Suspended => StatusCode::CONFLICT,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Audit(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = &self as &dyn std::error::Error, "a request failed");
        }
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}
