//! The control plane's routes on loopback, and what became of each request.

use std::collections::HashMap;
use std::mem::take;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audit_core::http::TrustedProxies;
use audit_core::{Auditor, Context, context};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use control_plane::app::App;
use control_plane::database::Database as Tables;
use control_plane::http;
use control_plane::token::{Token, now};
use tests::postgres::Database;
use tests::served::Served;

/// Of each: key N may touch project N, which has a secret; user N has session N.
pub(crate) const USERS: u32 = 1_000;

/// Makes them.
pub(crate) async fn fill(database: &Database<'_>) {
    let mut connection = database.connect().await;
    let insert = "
        WITH ids AS (SELECT * FROM unnest($1::int[], $2::text[], $3::text[]) AS ids (n, key_hash, session_hash)),
             made AS (INSERT INTO projects SELECT 'proj_' || n, 'Project', 1000000000 FROM ids),
             keyed AS (INSERT INTO api_keys SELECT 'key_' || n, 'proj_' || n, 'live', '[\"write\",\"secrets\"]', key_hash FROM ids),
             hidden AS (INSERT INTO secrets SELECT 'proj_' || n, 'door', '1234' FROM ids),
             invited AS (INSERT INTO users SELECT 'user_' || n, n || '@localhost', 'admin' FROM ids)
        INSERT INTO sessions SELECT 'sess_' || n, session_hash, 'user_' || n, $4 FROM ids";
    let hashes =
        |kind: &str| (1..=USERS).map(|n| Token::from(format!("{kind}_{n}").as_str()).hash()).collect::<Vec<_>>();
    sqlx::query(insert)
        .bind((1..=i32::try_from(USERS).expect("few")).collect::<Vec<_>>())
        .bind(hashes("token"))
        .bind(hashes("session"))
        .bind(now() + 3_600)
        .execute(&mut connection)
        .await
        .expect("there are none yet");
}

/// A request, and what became of it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The method, the path and who asks, as the request says it.
    pub(crate) line: String,
    /// None if the service had not answered when the client went away.
    pub(crate) status: Option<StatusCode>,
}

/// Requests by their ids.
pub(crate) type Answers = HashMap<String, Asked>;

/// A service that listens on loopback.
#[derive(Debug)]
pub(crate) struct Service {
    answers: Arc<Mutex<Answers>>,
    app: App,
    served: Served,
}

impl Service {
    /// With another auditor than the program's, if there is one.
    pub(crate) async fn start(url: &str, auditor: Option<Auditor>) -> Self {
        let app = App::new(Tables::open(url).await.expect("the server is there"));
        let answers = Arc::<Mutex<Answers>>::default();
        let routes = http::router(app.clone(), TrustedProxies::default(), Router::new())
            .layer(from_fn(move |request: Request, next: Next| {
                let context = Context::new();
                let context = match &auditor {
                    Some(auditor) => context.with_auditor(auditor.clone()),
                    None => context,
                };
                context::scope(context, next.run(request))
            }))
            .layer(from_fn_with_state(answers.clone(), note));
        Self { answers, app, served: Served::start(routes).await }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.served.address()
    }

    /// Waits for the requests in progress, and gives back what became of all.
    pub(crate) async fn stop(self) -> Answers {
        self.served.stop().await;
        self.app.db().close().await;
        take(&mut locked(&self.answers))
    }
}

/// Notes a request, and its answer if it comes to that.
async fn note(State(answers): State<Arc<Mutex<Answers>>>, request: Request, next: Next) -> Response {
    let (id, asked) = told(&request);
    let before = locked(&answers).insert(id.clone(), asked);
    assert!(before.is_none(), "two requests have one id");
    let response = next.run(request).await;
    if let Some(asked) = locked(&answers).get_mut(&id) {
        asked.status = Some(response.status());
    }
    response
}

/// The request's id, and what it asks.
fn told(request: &Request) -> (String, Asked) {
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let who = [text(AUTHORIZATION), text(COOKIE)].concat();
    let line = format!("{} {} {who}", request.method(), request.uri().path());
    (text(HeaderName::from_static("x-request-id")).to_owned(), Asked { line, status: None })
}

fn locked(answers: &Mutex<Answers>) -> MutexGuard<'_, Answers> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}
