//! Projects, their members, keys and secrets, over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use audit_core::Actor;
use audit_core::audited;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post, put};
use axum::{Json, Router, debug_handler};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

/// What every request shares.
#[derive(Debug, Clone)]
pub struct App {
    projects: Projects,
    mailer: Arc<dyn Mailer>,
}

impl App {
    /// Opens the database and makes its tables.
    ///
    /// # Errors
    ///
    /// Where the database refuses.
    pub async fn open(options: SqliteConnectOptions, mailer: Arc<dyn Mailer>) -> Result<Self, Error> {
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        let projects = Projects { pool };
        projects.migrate().await?;
        Ok(Self { projects, mailer })
    }

    /// The routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/projects", get(list).post(create))
            .route("/projects/{id}", patch(rename).delete(remove))
            .route("/projects/{id}/suspension", put(suspend))
            .route("/projects/{id}/keys", post(create_key))
            .route("/projects/{id}/secrets/{name}", get(secret).put(keep_secret))
            .route("/projects/{id}/members", post(invite))
            .with_state(self)
    }

    /// Suspends the projects that hold more secrets than `cap`; a job calls it every hour.
    ///
    /// # Errors
    ///
    /// Where the database refuses; the projects before that are suspended.
    pub async fn sweep(&self, cap: u32) -> Result<usize, Error> {
        let mut suspended = 0;
        for id in self.projects.holding_more_than(cap).await? {
            self.projects.suspend_by_system(id).await?;
            suspended += 1;
        }
        Ok(suspended)
    }

    /// Ends all connections to the database.
    pub async fn close(&self) {
        self.projects.pool.close().await;
    }
}

#[derive(audit_core::AuditOutcome)]
/// What goes wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody signed in.
    #[error("sign in first")]
    #[audit(denied)]
    Anonymous,
    /// Somebody else owns the project.
    #[error("only the owner may do that")]
    #[audit(denied)]
    NotYours,
    /// The path names nothing.
    #[error("there is no {0}")]
    NotFound(&'static str),
    /// The request makes no sense.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// The mail server refused.
    #[error("the invitation could not be sent")]
    Mail(#[from] MailError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl Error {
    fn status(&self) -> StatusCode {
        match self {
            Self::Anonymous => StatusCode::UNAUTHORIZED,
            Self::NotYours => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Empty(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Mail(_) => StatusCode::BAD_GATEWAY,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = ?self, "a request failed");
        }
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
#[error("no such address")]
pub struct MailError;

/// Sends mails.
#[async_trait]
pub trait Mailer: std::fmt::Debug + Send + Sync {
    /// Sends an invitation.
    async fn invite(&self, address: &str, project: &str) -> Result<(), MailError>;
}

/// Who asks.
#[derive(Debug, Clone)]
struct User {
    name: String,
}

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let name = parts.headers.get("x-user").and_then(|name| name.to_str().ok());
        name.map(|name| Self { name: name.to_owned() }).ok_or(Error::Anonymous)
    }
}

#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
struct Project {
    id: i64,
    name: String,
    owner: String,
    suspended: bool,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Invitation {
    address: String,
    role: String,
}

#[derive(Debug, Default, Deserialize)]
struct Why {
    reason: Option<String>,
}

async fn list(State(app): State<App>, user: User) -> Result<Json<Vec<Project>>, Error> {
    Ok(Json(app.projects.of(&user.name).await?))
}

#[debug_handler]
#[audited(action = "project.created", target_id = |created| created.2.id)]
async fn create(
    State(app): State<App>,
    user: User,
    Json(Named { name }): Json<Named>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Project>), Error> {
    if name.is_empty() {
        return Err(Error::Empty("name"));
    }
    let project = app.projects.insert(&name, &user.name).await?;
    let location = [(LOCATION, format!("/projects/{}", project.id))];
    Ok((StatusCode::CREATED, location, Json(project)))
}

#[audited(action = "project.updated", target_id = id, metadata(new_value = change.name))]
async fn rename(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
    Json(change): Json<Named>,
) -> Result<Json<Project>, Error> {
    let mut project = app.projects.owned(id, &user).await?;
    project.name = change.name;
    app.projects.update(&project).await?;
    Ok(Json(project))
}

#[audited(action = "project.deleted", target_id = id, metadata(reason = why.reason))]
async fn remove(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
    Query(why): Query<Why>,
) -> Result<StatusCode, Error> {
    app.projects.owned(id, &user).await?;
    app.projects.delete(id).await?;
    tracing::info!(id, reason = why.reason, "a project was deleted");
    Ok(StatusCode::NO_CONTENT)
}

#[audited(action = "project.suspended", target_id = id)]
async fn suspend(State(app): State<App>, user: User, Path(id): Path<i64>) -> impl IntoResponse {
    let Ok(project) = app.projects.find(id).await else {
        return (StatusCode::NOT_FOUND, "there is no such project".to_owned());
    };
    if project.owner != user.name {
        return (StatusCode::FORBIDDEN, format!("only {} may do that", project.owner));
    }
    match app.projects.update(&Project { suspended: true, ..project }).await {
        Ok(()) => (StatusCode::ACCEPTED, "suspended".to_owned()),
        Err(error) => (error.status(), error.to_string()),
    }
}

#[audited(action = "key.created", target_id = |key| key.0["key"].as_str().map(str::len))]
async fn create_key(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
) -> Result<Json<serde_json::Value>, (StatusCode, String)> {
    let project = app.projects.owned(id, &user).await.map_err(|error| (error.status(), error.to_string()))?;
    if project.suspended {
        return Err((StatusCode::CONFLICT, "the project is suspended".to_owned()));
    }
    Ok(Json(json!({ "key": format!("{}-{}", project.name, project.id) })))
}

#[audited(action = "secret.accessed", target_id = format!("{id}/{name}"), metadata(secret_name = name))]
async fn secret(State(app): State<App>, user: User, Path((id, name)): Path<(i64, String)>) -> Response {
    if let Err(error) = app.projects.owned(id, &user).await {
        return error.into_response();
    }
    match app.projects.secret(id, &name).await {
        Ok(Some(value)) => value.into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => error.into_response(),
    }
}

#[audited(action = "secret.created", target_id = format!("{id}/{name}"), metadata(secret_name = name))]
async fn keep_secret(
    State(app): State<App>,
    user: User,
    Path((id, name)): Path<(i64, String)>,
    value: String,
) -> Result<(), Error> {
    app.projects.owned(id, &user).await?;
    app.projects.keep_secret(id, &name, &value).await
}

#[audited(action = "user.invited", target_id = invitation.address, metadata(role = invitation.role))]
async fn invite(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
    Json(invitation): Json<Invitation>,
) -> Result<impl IntoResponse, Error> {
    let project = app.projects.owned(id, &user).await?;
    app.mailer.invite(&invitation.address, &project.name).await?;
    tracing::info!(role = invitation.role, "somebody was invited");
    Ok((StatusCode::ACCEPTED, "invited"))
}

/// The tables.
#[derive(Debug, Clone)]
struct Projects {
    pool: SqlitePool,
}

#[audited(target_id = id)]
impl Projects {
    async fn migrate(&self) -> Result<(), Error> {
        let tables = "CREATE TABLE IF NOT EXISTS projects (id INTEGER PRIMARY KEY, name TEXT NOT NULL, \
                      owner TEXT NOT NULL, suspended BOOLEAN NOT NULL DEFAULT FALSE); \
                      CREATE TABLE IF NOT EXISTS secrets (project_id INTEGER NOT NULL REFERENCES projects \
                      ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (project_id, name))";
        sqlx::raw_sql(tables).execute(&self.pool).await?;
        Ok(())
    }

    async fn of(&self, owner: &str) -> Result<Vec<Project>, Error> {
        let select = sqlx::query_as("SELECT * FROM projects WHERE owner = ? ORDER BY id").bind(owner);
        Ok(select.fetch_all(&self.pool).await?)
    }

    async fn find(&self, id: i64) -> Result<Project, Error> {
        let select = sqlx::query_as("SELECT * FROM projects WHERE id = ?").bind(id);
        select.fetch_optional(&self.pool).await?.ok_or(Error::NotFound("project"))
    }

    async fn owned(&self, id: i64, user: &User) -> Result<Project, Error> {
        let project = self.find(id).await?;
        if project.owner == user.name { Ok(project) } else { Err(Error::NotYours) }
    }

    async fn insert(&self, name: &str, owner: &str) -> Result<Project, Error> {
        let insert = sqlx::query_as("INSERT INTO projects (name, owner) VALUES (?, ?) RETURNING *");
        Ok(insert.bind(name).bind(owner).fetch_one(&self.pool).await?)
    }

    async fn update(&self, project: &Project) -> Result<(), Error> {
        let update = sqlx::query("UPDATE projects SET name = ?, suspended = ? WHERE id = ?");
        update.bind(&project.name).bind(project.suspended).bind(project.id).execute(&self.pool).await?;
        Ok(())
    }

    async fn delete(&self, id: i64) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM secrets WHERE project_id = ?").bind(id).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM projects WHERE id = ?").bind(id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn secret(&self, id: i64, name: &str) -> Result<Option<String>, Error> {
        let select = sqlx::query_scalar("SELECT value FROM secrets WHERE project_id = ? AND name = ?");
        Ok(select.bind(id).bind(name).fetch_optional(&self.pool).await?)
    }

    async fn keep_secret(&self, id: i64, name: &str, value: &str) -> Result<(), Error> {
        let insert = sqlx::query("INSERT OR REPLACE INTO secrets (project_id, name, value) VALUES (?, ?, ?)");
        insert.bind(id).bind(name).bind(value).execute(&self.pool).await?;
        Ok(())
    }

    async fn holding_more_than(&self, cap: u32) -> Result<Vec<i64>, Error> {
        let select = "SELECT id FROM projects WHERE NOT suspended AND \
                      (SELECT count(*) FROM secrets WHERE project_id = projects.id) > ?";
        Ok(sqlx::query_scalar(select).bind(cap).fetch_all(&self.pool).await?)
    }

    #[audited(action = "project.auto_suspended", actor = Actor::system("sweep"), metadata(hard_cap_exceeded = true))]
    async fn suspend_by_system(&self, id: i64) -> Result<(), Error> {
        sqlx::query("UPDATE projects SET suspended = TRUE WHERE id = ?").bind(id).execute(&self.pool).await?;
        Ok(())
    }
}
