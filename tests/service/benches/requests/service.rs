//! Projects and their secrets over HTTP, in PostgreSQL. Who asks shows a token, which the database knows.

use std::net::SocketAddr;

use audit_core::http::ContextLayer;
use audit_core::{Actor, AuditOutcome, audited};
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tests::postgres::Database;
use tests::served::Served;

use super::notes::Notes;

/// Of each: user N owns project N, which has a secret.
pub(crate) const USERS: u32 = 1_000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, token TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS projects (id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, used BIGINT NOT NULL);
    CREATE TABLE IF NOT EXISTS secrets (project_id TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (project_id, name));
    INSERT INTO users SELECT 'user_' || n, 'token_' || n FROM generate_series(1, 1000) n ON CONFLICT DO NOTHING;
    INSERT INTO projects SELECT 'proj_' || n, 'user_' || n, 'Project', 0 FROM generate_series(1, 1000) n ON CONFLICT DO NOTHING;
    INSERT INTO secrets SELECT 'proj_' || n, 'door', '1234' FROM generate_series(1, 1000) n ON CONFLICT DO NOTHING";

#[derive(Debug, Clone)]
struct App {
    pool: PgPool,
    notes: Notes,
}

/// What goes wrong.
#[derive(Debug, thiserror::Error, AuditOutcome)]
enum Error {
    #[error("sign in first")]
    #[audit(denied)]
    Anonymous,
    #[error("only the owner may do that")]
    #[audit(denied)]
    NotYours,
    #[error("there is no such thing")]
    NotFound,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Anonymous => StatusCode::UNAUTHORIZED,
            Self::NotYours => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, self.to_string()).into_response()
    }
}

/// Whose request it is, and which.
#[derive(Debug, Clone)]
struct Call {
    user: String,
    id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts.extensions.get().cloned().ok_or(Error::Anonymous)
    }
}

async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, Error> {
    let (token, id) = shown(request.headers()).ok_or(Error::Anonymous)?;
    let select = "SELECT id FROM users WHERE token = $1";
    let user = sqlx::query_scalar(select).bind(token).fetch_optional(&app.pool).await?.ok_or(Error::Anonymous)?;
    let call = Call { user, id };
    request.extensions_mut().insert(call);
    Ok(next.run(request).await)
}

/// The token, and the request's id.
fn shown(headers: &HeaderMap) -> Option<(String, String)> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
    text("authorization").zip(text("x-request-id"))
}

#[derive(Debug, Serialize)]
struct Project {
    id: String,
    name: String,
    used: i64,
}

#[derive(Debug, Deserialize)]
struct Renaming {
    name: String,
}

impl App {
    /// Does the work of a handler, and notes its beginning and its end.
    async fn noted<T>(
        &self,
        call: &Call,
        action: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.notes.begin(&call.id, &call.user, action);
        let done = work.await;
        let end = match &done {
            Ok(_) => "success",
            Err(Error::Anonymous | Error::NotYours) => "denied",
            Err(Error::NotFound | Error::Database(_)) => "failure",
        };
        self.notes.end(&call.id, end);
        done
    }

    async fn owned(&self, call: &Call, project_id: &str) -> Result<Project, Error> {
        let select = "SELECT owner, name, used FROM projects WHERE id = $1";
        let query = sqlx::query_as::<_, (String, String, i64)>(select).bind(project_id);
        let (owner, name, used) = query.fetch_optional(&self.pool).await?.ok_or(Error::NotFound)?;
        if owner == call.user { Ok(Project { id: project_id.to_owned(), name, used }) } else { Err(Error::NotYours) }
    }
}

/// The same functions twice: as they stand here, and without their attributes.
macro_rules! with_and_without {
    ($(#[audited $arguments:tt] async fn $name:ident $inputs:tt -> Result<$output:ty, Error> $body:tt)*) => {
        mod annotated {
            use super::*;
            $(#[audited $arguments] pub(super) async fn $name $inputs -> Result<$output, Error> $body)*
        }
        mod plain {
            use super::*;
            $(pub(super) async fn $name $inputs -> Result<$output, Error> $body)*
        }
    };
}

with_and_without! {
    #[audited(action = "project.updated", metadata(new_value = &change.name))]
    async fn rename(
        State(app): State<App>,
        call: Call,
        Path(project_id): Path<String>,
        Json(change): Json<Renaming>,
    ) -> Result<Json<Project>, Error> {
        app.noted(&call, "project.updated", async {
            let project = app.owned(&call, &project_id).await?;
            let update = "UPDATE projects SET name = $1, used = used + 1 WHERE id = $2";
            sqlx::query(update).bind(&change.name).bind(&project_id).execute(&app.pool).await?;
            Ok(Json(Project { name: change.name, ..project }))
        })
        .await
    }

    #[audited(action = "secret.accessed", target_id = format!("{project_id}/{name}"), metadata(secret_name = &name))]
    async fn secret(
        State(app): State<App>,
        call: Call,
        Path((project_id, name)): Path<(String, String)>,
    ) -> Result<String, Error> {
        app.noted(&call, "secret.accessed", async {
            app.owned(&call, &project_id).await?;
            let select = "SELECT value FROM secrets WHERE project_id = $1 AND name = $2";
            let query = sqlx::query_scalar(select).bind(&project_id).bind(&name);
            query.fetch_optional(&app.pool).await?.ok_or(Error::NotFound)
        })
        .await
    }
}

/// A look at a project is not audited.
async fn project(State(app): State<App>, call: Call, Path(project_id): Path<String>) -> Result<Json<Project>, Error> {
    app.owned(&call, &project_id).await.map(Json)
}

/// A service that listens on loopback.
#[derive(Debug)]
pub(crate) struct Service {
    app: App,
    served: Served,
}

impl Service {
    /// Handlers with attributes, in the context of their requests.
    pub(crate) async fn annotated(database: &Database<'_>) -> Self {
        let layer = ContextLayer::new().identify(|request, context| match request.extensions.get::<Call>() {
            Some(call) => context.with_actor(Actor::user(&call.user)),
            None => context,
        });
        let routes = Router::new()
            .route("/projects/{project_id}", patch(annotated::rename).get(project))
            .route("/projects/{project_id}/secrets/{name}", get(annotated::secret))
            .layer(layer);
        Self::start(database, routes).await
    }

    /// The same, as they were before.
    pub(crate) async fn plain(database: &Database<'_>) -> Self {
        let routes = Router::new()
            .route("/projects/{project_id}", patch(plain::rename).get(project))
            .route("/projects/{project_id}/secrets/{name}", get(plain::secret));
        Self::start(database, routes).await
    }

    async fn start(database: &Database<'_>, routes: Router<App>) -> Self {
        let pool = PgPoolOptions::new().max_connections(8).connect(&database.url()).await.expect("the server is there");
        sqlx::raw_sql(TABLES).execute(&pool).await.expect("the tables are made");
        let app = App { pool, notes: Notes::default() };
        let routes = routes.layer(from_fn_with_state(app.clone(), authenticate)).with_state(app.clone());
        Self { app, served: Served::start(routes).await }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.served.address()
    }

    /// Waits for the requests in progress, and gives back what the handlers have noted.
    pub(crate) async fn stop(self) -> Notes {
        self.served.stop().await;
        self.app.pool.close().await;
        self.app.notes
    }
}
