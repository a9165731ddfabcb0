//! `#[axum::debug_handler]` above and below the attribute.

use audit_core::{Outcome, audited, coverage};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Json, debug_handler};
use tests::calls::rows;

#[debug_handler]
#[audited(action = "project.updated")]
async fn above(Path(project_id): Path<u16>) -> Result<Json<u16>, StatusCode> {
    respond(project_id)
}

#[audited(action = "project.updated")]
#[debug_handler]
async fn below(Path(project_id): Path<u16>) -> Result<Json<u16>, StatusCode> {
    respond(project_id)
}

#[debug_handler]
#[audited(action = "project.updated")]
async fn opaque_above(Path(project_id): Path<u16>) -> impl IntoResponse {
    respond(project_id)
}

#[audited(action = "project.updated")]
#[debug_handler]
async fn opaque_below(Path(project_id): Path<u16>) -> impl IntoResponse {
    respond(project_id)
}

fn respond(status: u16) -> Result<Json<u16>, StatusCode> {
    if status == 200 { Ok(Json(status)) } else { Err(StatusCode::from_u16(status).expect("it is a status")) }
}

#[tokio::test]
async fn a_debugged_handler_leaves_one_entry_and_is_covered_once() {
    let rows = rows(async {
        for status in [200, 403] {
            let _ = above(Path(status)).await;
            let _ = below(Path(status)).await;
            let _ = opaque_above(Path(status)).await;
            let _ = opaque_below(Path(status)).await;
        }
    });
    let seen: Vec<_> = rows.await.iter().map(|row| row.outcome).collect();
    assert_eq!(seen, [[Outcome::Success; 4], [Outcome::Denied; 4]].concat());
    let mut sites: Vec<_> = coverage::sites().iter().map(coverage::Site::function).collect();
    // Helpers of other tests have sites, too.
    sites.retain(|function| function.starts_with("debug_handler::"));
    assert_eq!(sites, ["above", "below", "opaque_above", "opaque_below"].map(|name| format!("debug_handler::{name}")));
}
