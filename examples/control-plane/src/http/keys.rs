//! `/projects/{project_id}/keys` and `/keys`

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::projects::Why;
use crate::app::App;
use crate::caller::Caller;
use crate::keys::{Issued, NewKey};
use crate::{Error, keys};

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<String>,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let issued = keys::create(app.db(), &caller, &project_id, &new).await?;
    Ok((StatusCode::CREATED, shown_once(&issued)))
}

pub(super) async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Path(key_id): Path<String>,
) -> Result<Json<Value>, Error> {
    Ok(shown_once(&keys::rotate(app.db(), &caller, &key_id).await?))
}

pub(super) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(key_id): Path<String>,
    Query(Why { reason }): Query<Why>,
) -> Result<StatusCode, Error> {
    keys::revoke(app.db(), &caller, &key_id, reason.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown_once(Issued { key, token }: &Issued) -> Json<Value> {
    Json(json!({ "id": key.id, "token": token.reveal() }))
}
