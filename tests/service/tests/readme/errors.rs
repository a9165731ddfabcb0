use audit_core::{AuditOutcome, audited};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

#[derive(AuditOutcome)]
enum ApiError {
    #[audit(denied)]
    NotYours,
    Missing, // what is not marked is a failure
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::NotYours => StatusCode::FORBIDDEN.into_response(),
            Self::Missing => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

#[audited(action = "project.updated", target_id = project)]
async fn update_project(Path(project): Path<u64>) -> Result<StatusCode, ApiError> {
    match project {
        7 => Ok(StatusCode::NO_CONTENT),
        8 => Err(ApiError::NotYours),
        _ => Err(ApiError::Missing),
    }
}
