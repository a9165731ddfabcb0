//! Requests that are recorded by their routes, in an axum service without annotations.

use std::pin::Pin;
use std::task::{Context as Task, Poll, Waker};

use audit_core::http::{ContextLayer, Routes};
use audit_core::testing::{self, Capture};
use audit_core::{Actor, AuditAction, Auditor, Outcome, assert_audited, assert_not_audited, context};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{any, get};
use http_body::{Body as _, Frame};
use tower::ServiceExt as _;

const TABLE: &str = "
    *    /answer/{status}   project.deleted  status
    GET  /wait/{project}    project.updated  project
    GET  /panic/{project}   project.updated  project
    GET  /stream/{project}  project.created  project
    GET  /breaks/{project}  project.created  project
";

/// Whoever authenticates runs inside of the layer.
async fn authenticate(request: Request, next: Next) -> Response {
    context::update(|context| context.with_actor(Actor::user("user_123")));
    next.run(request).await
}

fn app() -> Router {
    let answer = |Path(status): Path<u16>| async move { (StatusCode::from_u16(status).unwrap(), "answered") };
    Router::new()
        .route("/answer/{status}", any(answer))
        .route("/other", get(|| async { "other" }))
        .route("/wait/{project}", get(|| async { std::future::pending::<()>().await }))
        .route("/panic/{project}", get(panics))
        .route("/stream/{project}", get(|| async { Body::new(Frames { left: 2, breaks: false }) }))
        .route("/breaks/{project}", get(|| async { Body::new(Frames { left: 2, breaks: true }) }))
        .layer(from_fn(authenticate))
        .layer(ContextLayer::new().record(Routes::of::<AuditAction>(TABLE).unwrap()))
}

async fn panics() -> StatusCode {
    panic!("as it should")
}

/// A body of some frames, which may break.
struct Frames {
    left: u8,
    breaks: bool,
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(self.breaks.then(|| Err(std::io::Error::other("broken"))));
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

fn request(path: &str) -> Request {
    Request::builder().uri(path).header("x-request-id", "req_9").body(Body::empty()).unwrap()
}

async fn ask(path: &str) -> Response {
    app().oneshot(request(path)).await.unwrap()
}

#[tokio::test]
async fn the_status_of_the_response_says_how_a_request_ended() {
    for (status, expected) in [
        (200, Outcome::Success),
        (204, Outcome::Success),
        (302, Outcome::Success),
        (400, Outcome::Failure),
        (401, Outcome::Denied),
        (403, Outcome::Denied),
        (404, Outcome::Failure),
        (500, Outcome::Failure),
    ] {
        let audit = testing::capture();
        let response = ask(&format!("/answer/{status}")).await;
        to_bytes(response.into_body(), 100).await.unwrap();
        let row = assert_audited!(
            action = "project.deleted",
            target = format!("project:{status}"),
            actor = "user:user_123",
            request_id = "req_9",
        );
        assert_eq!(row.outcome, expected, "{status}");
        assert_eq!(row.error.is_some(), expected != Outcome::Success, "{status}");
        assert_eq!(audit.rows().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_request_that_fits_no_route_records_nothing() {
    let _audit = testing::capture();
    to_bytes(ask("/other").await.into_body(), 100).await.unwrap();
    assert_not_audited!();
}

#[tokio::test]
async fn a_success_ends_with_the_body_of_its_response() {
    let _audit = testing::capture();
    let response = ask("/stream/7").await;
    assert_not_audited!();
    to_bytes(response.into_body(), 100).await.unwrap();
    assert_audited!(action = "project.created", target = "7", outcome = success);
}

#[tokio::test]
async fn a_body_that_is_dropped_before_its_end_is_a_cancelled_request() {
    let audit = testing::capture();
    let mut body = ask("/stream/7").await.into_body();
    let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
    assert!(frame.unwrap().is_ok());
    drop(body);
    assert_audited!(target = "7", outcome = cancelled, actor = "user:user_123", request_id = "req_9");
    assert_eq!(audit.rows().len(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_is_a_failure() {
    let _audit = testing::capture();
    assert!(to_bytes(ask("/breaks/7").await.into_body(), 100).await.is_err());
    assert_audited!(target = "7", outcome = failure, error = "the body of the response failed");
}

#[tokio::test]
async fn nobody_reads_the_body_of_an_answer_to_head() {
    let _audit = testing::capture();
    let request = Request::builder().method("HEAD").uri("/stream/7").body(Body::empty()).unwrap();
    drop(app().oneshot(request).await.unwrap());
    assert_audited!(target = "7", outcome = success);
}

#[tokio::test]
async fn a_request_whose_client_goes_away_is_cancelled() {
    let audit = testing::capture();
    let mut asked = Box::pin(ask("/wait/7"));
    assert!(asked.as_mut().poll(&mut Task::from_waker(Waker::noop())).is_pending());
    assert_not_audited!();
    drop(asked);
    assert_audited!(target = "7", outcome = cancelled, actor = "user:user_123", request_id = "req_9");
    assert_eq!(audit.rows().len(), 1);
    // One that has not begun was none.
    drop(Box::pin(ask("/wait/8")));
    assert_not_audited!(target = "8");
}

#[tokio::test]
async fn a_handler_that_panics_is_recorded_as_panicked() {
    let audit = Capture::new();
    let panicked = tokio::spawn(audit.scope(ask("/panic/7"))).await;
    assert!(panicked.unwrap_err().is_panic());
    assert_audited!(in audit; target = "7", outcome = panicked);
    assert_eq!(audit.rows().len(), 1);
}

#[tokio::test]
async fn where_auditing_is_disabled_nothing_is_recorded() {
    let audit = Capture::new();
    let off = audit_core::Context::new().with_auditor(Auditor::disabled());
    audit
        .scope(context::scope(off, async { to_bytes(ask("/answer/200").await.into_body(), 100).await }))
        .await
        .unwrap();
    assert_not_audited!(in audit;);
}

#[tokio::test]
async fn a_service_that_fails_is_a_failure() {
    let audit = Capture::new();
    let service = tower::service_fn(async |_: Request| Err::<Response, _>("broken"));
    let layer = ContextLayer::new().record(Routes::of::<AuditAction>(TABLE).unwrap());
    let service = tower::ServiceBuilder::new().layer(layer).service(service);
    audit.scope(service.oneshot(request("/answer/200"))).await.unwrap_err();
    assert_audited!(in audit; outcome = failure, error = "the service failed");
}
