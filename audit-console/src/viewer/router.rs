//! Which address shows what.

use std::sync::Arc;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::message::Message;
use super::{Log, assets, detail, export, headers, integrity, page, tail, viewed};

/// The pages of a log, to be mounted under any prefix: their links are relative. There is no authentication in it.
///
/// It answers GET and HEAD, and everything else with 405.
pub fn router(log: Log) -> Router {
    let log = Arc::new(log);
    Router::new()
        .route("/entries", get(page::show))
        .route("/entries/{id}", get(detail::show))
        .route("/entries/{id}/proof.json", get(integrity::file))
        .route("/live", get(tail::follow))
        .route("/export.csv", get(export::csv))
        .route("/export.jsonl", get(export::jsonl))
        .route_layer(from_fn_with_state(Arc::clone(&log), viewed::record))
        .route("/", get(start))
        .route("/assets/{name}", get(assets::serve))
        .fallback(nowhere)
        .layer(map_response(headers::add))
        .with_state(log)
}

/// To the entries, from the prefix with or without a slash at its end.
async fn start(OriginalUri(uri): OriginalUri) -> Response {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let place = if last.is_empty() { "entries".to_owned() } else { format!("{last}/entries") };
    match HeaderValue::from_str(&place) {
        Ok(place) => (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn nowhere(uri: Uri) -> Response {
    Message::new(StatusCode::NOT_FOUND, "Nothing is here", "The address names no page of the log.").response(&uri)
}

/// What leads from a page to where the pages are, `../` for each folder between.
pub(super) fn root(uri: &Uri) -> String {
    "../".repeat(uri.path().matches('/').count().saturating_sub(1))
}
