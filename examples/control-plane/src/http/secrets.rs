//! `/projects/{project_id}/secrets`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::caller::Caller;
use crate::secrets::SecretId;
use crate::{Error, secrets};

#[derive(Deserialize)]
pub(super) struct NewSecret {
    name: String,
    value: String,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Value {
    value: String,
}

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<String>,
    Json(NewSecret { name, value }): Json<NewSecret>,
) -> Result<StatusCode, Error> {
    secrets::create(app.db(), &caller, &SecretId { project_id, name }, &value).await?;
    Ok(StatusCode::CREATED)
}

pub(super) async fn read(
    State(app): State<App>,
    caller: Caller,
    Path((project_id, name)): Path<(String, String)>,
) -> Result<Json<Value>, Error> {
    let value = secrets::read(app.db(), &caller, &SecretId { project_id, name }).await?;
    Ok(Json(Value { value }))
}

pub(super) async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Path((project_id, name)): Path<(String, String)>,
    Json(Value { value }): Json<Value>,
) -> Result<StatusCode, Error> {
    secrets::rotate(app.db(), &caller, &SecretId { project_id, name }, &value).await?;
    Ok(StatusCode::NO_CONTENT)
}
