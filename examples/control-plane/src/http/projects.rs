//! `/projects`

use audit_core::context::InContext as _;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::app::App;
use crate::caller::Caller;
use crate::projects::{NewProject, Project, ProjectChange};
use crate::{Error, keys, projects};

/// Why something is done.
#[derive(Debug, Deserialize)]
pub(super) struct Why {
    pub(super) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Suspension {
    reason: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Usage {
    amount: u32,
}

pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Project>>, Error> {
    Ok(Json(projects::list(app.db(), &caller).await?))
}

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewProject>,
) -> Result<(StatusCode, Json<Project>), Error> {
    let mut tx = app.db().begin().await?;
    let project = projects::create(&mut tx, &caller, &new).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(project)))
}

pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<String>,
    Json(change): Json<ProjectChange>,
) -> Result<Json<Project>, Error> {
    Ok(Json(projects::update(app.db(), &caller, &project_id, change).await?))
}

pub(super) async fn record_usage(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<String>,
    Json(Usage { amount }): Json<Usage>,
) -> Result<StatusCode, Error> {
    projects::record_usage(app.db(), &caller, &project_id, amount).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn suspend(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<String>,
    Json(Suspension { reason }): Json<Suspension>,
) -> Result<StatusCode, Error> {
    projects::suspend(app.db(), &caller, &project_id, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<String>,
    Query(Why { reason }): Query<Why>,
) -> Result<StatusCode, Error> {
    projects::delete(app.db(), &caller, &project_id, reason.as_deref()).await?;
    // Nobody waits for that. It is recorded as the work of whoever deleted the project, under the id of this request.
    let db = app.db().clone();
    let revoking = async move {
        if let Err(error) = keys::revoke_all(&db, &caller, &project_id).await {
            tracing::error!(error = &error as &dyn std::error::Error, project_id, "keys were not revoked");
        }
    };
    app.tasks().spawn(revoking.in_audit_context());
    Ok(StatusCode::NO_CONTENT)
}
