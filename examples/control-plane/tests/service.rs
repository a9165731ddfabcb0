//! What requests and jobs leave in the audit log, and that nothing was forgotten. No log is needed for that: each test captures
//! what it records.

use audit_core::http::TrustedProxies;
use audit_core::{assert_audited, assert_coverage, assert_not_audited, testing};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use control_plane::app::App;
use control_plane::caller::Caller;
use control_plane::database::Database;
use control_plane::token::Token;
use control_plane::{audit, http, jobs, keys, projects, secrets, sessions, users};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// The service on a database of its own, with an admin who has signed in.
struct Service {
    app: App,
    routes: Router,
    admin: String,
    _folder: TempDir,
}

impl Service {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("control-plane.db").display());
        let app = App::new(Database::open(&url).await.unwrap());
        let token = Token::new();
        users::ensure_admin(app.db(), &token).await.unwrap();
        let session = sessions::sign_in(app.db(), &token).await.unwrap();
        let admin = format!("session={}", session.token.reveal());
        let routes = http::router(app.clone(), TrustedProxies::default(), Router::new());
        Self { app, routes, admin, _folder: folder }
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        self.send_as((header::COOKIE, &self.admin), method, path, body).await
    }

    async fn send_as(
        &self,
        (name, value): (header::HeaderName, &str),
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header(name, value);
        let request = request.header("x-request-id", "req_9").header(header::CONTENT_TYPE, "application/json");
        let response = self.routes.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn project(&self) -> String {
        let (status, project) = self.send(Method::POST, "/projects", json!({ "name": "MyProject", "cap": 100 })).await;
        assert_eq!(status, StatusCode::CREATED);
        project["id"].as_str().unwrap().to_owned()
    }

    async fn key(&self, project: &str, scopes: Value) -> (String, String) {
        let body = json!({ "key_type": "live", "scopes": scopes });
        let (_, issued) = self.send(Method::POST, &format!("/projects/{project}/keys"), body).await;
        (issued["id"].as_str().unwrap().to_owned(), format!("Bearer {}", issued["token"].as_str().unwrap()))
    }
}

#[test]
fn every_action_is_emitted_and_every_function_that_changes_something_is_audited() {
    assert_coverage!(
        audit::Action,
        functions = [
            keys::create,
            keys::revoke,
            keys::revoke_all,
            keys::rotate,
            projects::auto_suspend,
            projects::create,
            projects::delete,
            projects::record_usage,
            projects::suspend,
            projects::update,
            secrets::create,
            secrets::read,
            secrets::rotate,
            sessions::end,
            sessions::sign_in,
            sessions::start,
            users::change_role,
            users::ensure_admin,
            users::invite,
            users::remove,
        ],
        not_audited = [
            keys::revoke_all => "an entry for each key that it revokes",
            projects::record_usage => "nobody has to answer for what a project uses",
            sessions::sign_in => "calls `start`, once it knows for whom",
            users::ensure_admin => "calls `invite`",
        ],
    );
}

#[tokio::test]
async fn an_entry_says_who_did_what_for_which_request() {
    let _audit = testing::capture();
    let service = Service::new().await;
    let id = service.project().await;
    let project = format!("project:{id}");
    let admin = assert_audited!(action = "session.started", outcome = success).actor_id;
    let row = assert_audited!(action = "project.created", target = project, outcome = success);
    assert_eq!((row.actor_id, row.request_id.as_deref()), (admin, Some("req_9")));

    let path = format!("/projects/{id}");
    let (status, _) = service.send(Method::PATCH, &path, json!({ "name": "OurProject" })).await;
    assert_eq!(status, StatusCode::OK);
    let changes = json!({ "name": { "from": "MyProject", "to": "OurProject" } });
    assert_audited!(action = "project.updated", target = project, metadata.changes = changes);
}

#[tokio::test]
async fn who_may_not_is_refused_and_recorded_as_denied() {
    let _audit = testing::capture();
    let service = Service::new().await;
    let project = service.project().await;
    let (key, bearer) = service.key(&project, json!(["read", "write"])).await;
    let path = format!("/projects/{project}/secrets");
    let as_key = (header::AUTHORIZATION, bearer.as_str());
    let (status, _) = service.send_as(as_key, Method::POST, &path, json!({ "name": "door", "value": "1234" })).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_audited!(action = "secret.created", actor = format!("api_key:{key}"), outcome = denied);

    let body = json!({ "name": "Theirs" });
    let other = service.project().await;
    let as_key = (header::AUTHORIZATION, bearer.as_str());
    let (status, _) = service.send_as(as_key, Method::PATCH, &format!("/projects/{other}"), body).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_audited!(action = "project.updated", target = other, actor = key, outcome = denied);
}

#[tokio::test]
async fn nobody_gets_further_than_the_door() {
    let _audit = testing::capture();
    let service = Service::new().await;
    for (name, value) in
        [(header::COOKIE, "session=guessed"), (header::AUTHORIZATION, "Bearer guessed"), (header::ACCEPT, "*/*")]
    {
        let body = json!({ "name": "Mine", "cap": 1 });
        let (status, _) = service.send_as((name, value), Method::POST, "/projects", body).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    assert_not_audited!(action = "project.created");

    assert!(sessions::sign_in(service.app.db(), &Token::from("guessed")).await.is_err());
    assert_audited!(action = "session.started", actor = "unattributed", outcome = denied);
}

#[tokio::test]
async fn reading_a_secret_is_announced_and_its_value_is_nowhere_in_the_log() {
    let audit = testing::capture();
    let service = Service::new().await;
    let project = service.project().await;
    let secrets = format!("/projects/{project}/secrets");
    service.send(Method::POST, &secrets, json!({ "name": "door", "value": "1234-secret" })).await;
    service.send(Method::PUT, &format!("{secrets}/door"), json!({ "value": "5678-secret" })).await;
    let (_, read) = service.send(Method::GET, &format!("{secrets}/door"), Value::Null).await;
    assert_eq!(read, json!({ "value": "5678-secret" }));

    let target = format!("{project}/door");
    let attempt = assert_audited!(action = "secret.accessed", target = target, outcome = attempted).id;
    assert_audited!(action = "secret.accessed", metadata.secret_name = "door", outcome = success, attempt_id = attempt);
    assert_audited!(action = "secret.rotated", target = target);
    let all = serde_json::to_string(&audit.rows()).unwrap();
    assert!(!all.contains("-secret\""), "{all}");
}

#[tokio::test]
async fn what_is_spawned_is_recorded_as_the_work_of_whoever_asked() {
    let _audit = testing::capture();
    let service = Service::new().await;
    let project = service.project().await;
    let (key, bearer) = service.key(&project, json!(["write"])).await;
    let path = format!("/projects/{project}?reason=unused");
    let (status, _) = service.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    service.app.tasks().close();
    service.app.tasks().wait().await;

    let deleted = assert_audited!(action = "project.deleted", target = project, metadata.reason = "unused");
    let revoked = assert_audited!(action = "key.revoked", target = key, request_id = "req_9", outcome = success);
    assert_eq!(revoked.actor_id, deleted.actor_id);
    let token = Token::from(bearer.strip_prefix("Bearer ").unwrap());
    assert!(keys::holder(service.app.db(), &token).await.unwrap().is_none());
}

#[tokio::test]
async fn the_job_is_the_systems_and_suspends_each_project_once() {
    let audit = testing::capture();
    let service = Service::new().await;
    let project = service.project().await;
    let db = service.app.db();
    projects::record_usage(db, &Caller::System("test"), &project, 100).await.unwrap();
    assert_eq!(jobs::sweep(db).await.unwrap(), 0);
    projects::record_usage(db, &Caller::System("test"), &project, 1).await.unwrap();
    assert_eq!(jobs::sweep(db).await.unwrap(), 1);
    assert_eq!(jobs::sweep(db).await.unwrap(), 0);
    assert_audited!(
        action = "project.auto_suspended",
        target = project,
        actor = "system:usage-sweep",
        metadata.hard_cap_exceeded = true,
    );
    assert_eq!(audit.rows().iter().filter(|row| row.action == "project.auto_suspended").count(), 1);
}

#[tokio::test]
async fn a_role_that_changes_is_told_with_what_it_was() {
    let _audit = testing::capture();
    let service = Service::new().await;
    let (_, bob) = service.send(Method::POST, "/users", json!({ "email": "bob@example.com", "role": "viewer" })).await;
    let bob = bob["id"].as_str().unwrap();
    assert_audited!(action = "user.invited", target = bob, metadata.role = "viewer");
    service.send(Method::PUT, &format!("/users/{bob}/role"), json!({ "role": "editor" })).await;
    assert_audited!(
        action = "user.role_changed",
        target = bob,
        metadata.old_role = "viewer",
        metadata.new_role = "editor",
    );
    let (status, _) = service.send(Method::PUT, "/users/nobody/role", json!({ "role": "editor" })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_audited!(action = "user.role_changed", target = "nobody", outcome = failure);
}

#[tokio::test]
async fn an_invitation_is_good_once() {
    let _audit = testing::capture();
    let service = Service::new().await;
    let (_, bob) = service.send(Method::POST, "/users", json!({ "email": "bob@example.com", "role": "viewer" })).await;
    let token = Token::from(bob["token"].as_str().unwrap());
    assert!(sessions::sign_in(service.app.db(), &token).await.is_ok());
    assert!(sessions::sign_in(service.app.db(), &token).await.is_err());
}
