//! Looks at the log are recorded, where that is wanted.

use std::sync::Arc;

use audit_core::Entry;
use audit_core::catalog::SystemAction;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::Log;
use super::message::Message;
use crate::render::escape::visible;

/// Records a look, with the address that was asked for, and then lets it through. What cannot be recorded is not shown.
///
/// Who looked is the actor of the [context](audit_core::context), which the application around the viewer sets.
pub(super) async fn record(State(log): State<Arc<Log>>, request: Request, next: Next) -> Response {
    let Some(auditor) = &log.auditor else { return next.run(request).await };
    let asked = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let viewed = SystemAction::AuditLogViewed { command: "viewer".to_owned(), filter: asked };
    let recorded = auditor.record(Entry::builder(viewed).build()).durable().await;
    match recorded {
        Ok(_) => next.run(request).await,
        Err(error) => {
            let text = format!(
                "Nothing is shown that is not recorded, and this could not be: {}",
                visible(&error.to_string())
            );
            Message::new(StatusCode::SERVICE_UNAVAILABLE, "This look cannot be recorded", text).response(request.uri())
        }
    }
}
