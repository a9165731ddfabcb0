//! A web service is audited by attributes alone, and every request leaves the entries that it should.

use std::sync::Arc;

use async_trait::async_trait;
use audit_core::{Context, Outcome, Row};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use serde_json::Value;
use service_tests::{annotated, plain};
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use tests::calls::rows;
use tokio::sync::Notify;
use tower::ServiceExt;

use Outcome::{Cancelled, Denied, Failure, Success};

#[test]
fn only_attributes_change() {
    let is_ours = |line: &&str| {
        let line = line.trim_start();
        ["#[audited(", "#[audit(", "#[derive(audit_core::", "use audit_core::"]
            .iter()
            .any(|ours| line.starts_with(ours))
    };
    let annotated: Vec<_> = include_str!("../src/annotated.rs").lines().collect();
    let plain: Vec<_> = include_str!("../src/plain.rs").lines().collect();
    let stripped: Vec<_> = annotated.iter().copied().filter(|line| !is_ours(line)).collect();
    assert_eq!(stripped, plain);
    assert!((300..=400).contains(&plain.len()), "{} lines", plain.len());
    assert!(!include_str!("../src/plain.rs").contains("audit"), "it was written without a thought of us");
}

/// Refuses addresses without an `@`, and takes for ever over those that say so.
#[derive(Debug, Default)]
struct Post {
    waits: Notify,
}

#[async_trait]
impl annotated::Mailer for Post {
    async fn invite(&self, address: &str, _: &str) -> Result<(), annotated::MailError> {
        if address.starts_with("slow@") {
            self.waits.notify_one();
            std::future::pending::<()>().await;
        }
        if address.contains('@') { Ok(()) } else { Err(annotated::MailError) }
    }
}

#[async_trait]
impl plain::Mailer for Post {
    async fn invite(&self, _: &str, _: &str) -> Result<(), plain::MailError> {
        Ok(())
    }
}

struct Service {
    app: annotated::App,
    post: Arc<Post>,
    _folder: TempDir,
}

fn options(folder: &TempDir) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(folder.path().join("service.db")).create_if_missing(true)
}

impl Service {
    async fn open() -> Self {
        let (folder, post) = (TempDir::new().expect("there is room"), Arc::new(Post::default()));
        let app = annotated::App::open(options(&folder), post.clone()).await.expect("the database opens");
        Self { app, post, _folder: folder }
    }

    /// The router as a server holds it: each request in the context of the test.
    fn router(&self) -> Router {
        let context = Context::current();
        self.app.clone().router().layer(from_fn(move |request: Request, next: Next| {
            audit_core::context::scope(context.clone(), next.run(request))
        }))
    }

    async fn send(&self, user: &str, method: Method, path: &str, body: &str) -> StatusCode {
        respond(self.router(), user, method, path, body).await.0
    }
}

async fn respond(router: Router, user: &str, method: Method, path: &str, body: &str) -> (StatusCode, Vec<u8>) {
    let request = Request::builder().method(method).uri(path).header("x-user", user);
    let request = request.header("content-type", "application/json").body(Body::from(body.to_owned()));
    let response = router.oneshot(request.expect("it is a request")).await.expect("a router never fails");
    let status = response.status();
    (status, to_bytes(response.into_body(), usize::MAX).await.expect("the body ends").to_vec())
}

type Seen = (String, Option<String>, Outcome, Option<String>);

fn seen(rows: &[Row]) -> Vec<Seen> {
    let entry = |row: &Row| (row.action.clone(), row.target_id.clone(), row.outcome, row.error.clone());
    rows.iter().map(entry).collect()
}

fn entry(
    action: &str,
    target: impl Into<Option<&'static str>>,
    outcome: Outcome,
    error: impl Into<Option<&'static str>>,
) -> Seen {
    (action.to_owned(), target.into().map(str::to_owned), outcome, error.into().map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_leaves_the_entries_that_it_should() {
    let service = Service::open().await;
    let rows = rows(async {
        let mut statuses = Vec::new();
        for (user, method, path, body) in [
            ("ann", Method::POST, "/projects", r#"{ "name": "Mine" }"#),
            ("ann", Method::POST, "/projects", r#"{ "name": "" }"#),
            ("ann", Method::POST, "/projects", "no JSON: the handler is not called"),
            ("ann", Method::GET, "/projects", ""),
            ("ann", Method::PATCH, "/projects/1", r#"{ "name": "Ours" }"#),
            ("bob", Method::PATCH, "/projects/1", r#"{ "name": "Bob's" }"#),
            ("ann", Method::PUT, "/projects/1/secrets/door", "1234"),
            ("ann", Method::GET, "/projects/1/secrets/door", ""),
            ("bob", Method::GET, "/projects/1/secrets/door", ""),
            ("ann", Method::GET, "/projects/1/secrets/wall", ""),
            ("ann", Method::POST, "/projects/1/members", r#"{ "address": "cy@example.com", "role": "admin" }"#),
            ("ann", Method::POST, "/projects/1/members", r#"{ "address": "nowhere", "role": "admin" }"#),
            ("bob", Method::PUT, "/projects/1/suspension", ""),
            ("ann", Method::PUT, "/projects/7/suspension", ""),
            ("ann", Method::POST, "/projects/1/keys", ""),
            ("bob", Method::POST, "/projects/1/keys", ""),
            ("ann", Method::PUT, "/projects/1/suspension", ""),
            ("ann", Method::POST, "/projects/1/keys", ""),
            ("bob", Method::DELETE, "/projects/1", ""),
            ("ann", Method::DELETE, "/projects/1?reason=old", ""),
            ("ann", Method::DELETE, "/projects/1", ""),
        ] {
            statuses.push(service.send(user, method, path, body).await.as_u16());
        }
        let expected =
            [201, 422, 400, 200, 200, 403, 200, 200, 403, 404, 202, 502, 403, 404, 200, 403, 202, 409, 403, 204, 404];
        assert_eq!(statuses, expected);
    });
    let rows = rows.await;
    let expected = [
        entry("project.created", "1", Success, None),
        entry("project.created", None, Failure, "name must not be empty"),
        entry("project.updated", "1", Success, None),
        entry("project.updated", "1", Denied, "only the owner may do that"),
        entry("secret.created", "1/door", Success, None),
        entry("secret.accessed", "1/door", Success, None),
        entry("secret.accessed", "1/door", Denied, "403 Forbidden"),
        entry("secret.accessed", "1/wall", Failure, "404 Not Found"),
        entry("user.invited", "cy@example.com", Success, None),
        entry("user.invited", "nowhere", Failure, "the invitation could not be sent"),
        entry("project.suspended", "1", Denied, "403 Forbidden"),
        entry("project.suspended", "7", Failure, "404 Not Found"),
        entry("key.created", "6", Success, None),
        entry("key.created", None, Denied, "403 Forbidden"),
        entry("project.suspended", "1", Success, None),
        entry("key.created", None, Failure, "409 Conflict"),
        entry("project.deleted", "1", Denied, "only the owner may do that"),
        entry("project.deleted", "1", Success, None),
        entry("project.deleted", "1", Failure, "there is no project"),
    ];
    assert_eq!(seen(&rows), expected);
    assert_eq!(rows[2].metadata.get("new_value"), Some(&Value::from("Ours")));
    assert_eq!(rows[17].metadata.get("reason"), Some(&Value::from("old")));
    assert!(rows.iter().all(|row| row.actor_id.as_deref() == Some("user_1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_a_cancelled_call() {
    let service = Service::open().await;
    let rows = rows(async {
        service.send("ann", Method::POST, "/projects", r#"{ "name": "Mine" }"#).await;
        let slow = r#"{ "address": "slow@example.com", "role": "admin" }"#;
        let request = tokio::spawn(respond(service.router(), "ann", Method::POST, "/projects/1/members", slow));
        service.post.waits.notified().await;
        request.abort();
        assert!(request.await.is_err_and(|error| error.is_cancelled()));
    });
    let expected =
        [entry("project.created", "1", Success, None), entry("user.invited", "slow@example.com", Cancelled, None)];
    assert_eq!(seen(&rows.await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_and_a_job_of_the_system_are_recorded_as_such() {
    let service = Service::open().await;
    let rows = rows(async {
        service.send("ann", Method::POST, "/projects", r#"{ "name": "Mine" }"#).await;
        assert_eq!(service.app.sweep(0).await.expect("the database works"), 0);
        service.send("ann", Method::PUT, "/projects/1/secrets/door", "1234").await;
        assert_eq!(service.app.sweep(0).await.expect("the database works"), 1);
        service.app.close().await;
        assert_eq!(service.send("ann", Method::DELETE, "/projects/1", "").await, StatusCode::INTERNAL_SERVER_ERROR);
    });
    let rows = rows.await;
    let expected = [
        entry("project.created", "1", Success, None),
        entry("secret.created", "1/door", Success, None),
        entry("project.auto_suspended", "1", Success, None),
        entry("project.deleted", "1", Failure, "the database failed"),
    ];
    assert_eq!(seen(&rows), expected);
    assert_eq!((rows[2].actor_type.as_str(), rows[2].actor_id.as_deref()), ("system", Some("sweep")));
}

#[tokio::test]
async fn the_service_answers_as_it_did_before_it_was_audited() {
    let service = Service::open().await;
    let folder = TempDir::new().expect("there is room");
    let before = plain::App::open(options(&folder), Arc::new(Post::default())).await.expect("the database opens");
    for (user, method, path, body) in [
        ("ann", Method::POST, "/projects", r#"{ "name": "Mine" }"#),
        ("ann", Method::POST, "/projects", r#"{ "name": "" }"#),
        ("bob", Method::PUT, "/projects/1/suspension", ""),
        ("ann", Method::GET, "/projects", ""),
        ("ann", Method::GET, "/projects/1/secrets/wall", ""),
        ("bob", Method::DELETE, "/projects/1", ""),
    ] {
        let audited = respond(service.app.clone().router(), user, method.clone(), path, body).await;
        let plain = respond(before.clone().router(), user, method.clone(), path, body).await;
        assert_eq!(audited, plain, "{method} {path}");
    }
}
