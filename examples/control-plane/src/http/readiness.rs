//! `/ready`

use audit_core::{Auditor, Health};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;

/// Ready while the database answers and entries are kept: in the log, or in the journal until the log is back.
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<Value>) {
    let database = app.db().ping().await.is_ok();
    let audit = Auditor::global().map(|auditor| auditor.health());
    let is_kept = audit.as_ref().is_some_and(|health| !health.is_failing());
    let status = if database && is_kept { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "database": database, "audit": audit.as_ref().map(Health::to_string) })))
}
