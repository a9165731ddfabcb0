//! What a handler returns says how its call ended.

use audit_core::{AuditOutcome, Outcome, audited};
use axum::body::Body;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, StatusCode};
use tests::calls::rows;

use Outcome::{Denied, Failure, Success};

/// Outcomes and error texts of the calls that are made.
async fn seen(calls: impl Future<Output = ()>) -> Vec<(Outcome, Option<String>)> {
    rows(calls).await.into_iter().map(|row| (row.outcome, row.error)).collect()
}

fn denied(text: &str) -> (Outcome, Option<String>) {
    (Denied, Some(text.to_owned()))
}

fn failure(text: &str) -> (Outcome, Option<String>) {
    (Failure, Some(text.to_owned()))
}

fn success() -> (Outcome, Option<String>) {
    (Success, None)
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("it is a status")
}

#[tokio::test]
async fn every_status_is_denied_a_failure_or_a_success() {
    #[audited(action = "project.updated")]
    async fn answer(project_id: u16) -> StatusCode {
        code(project_id)
    }
    let rows = rows(async {
        for status in 100..=999 {
            answer(status).await;
        }
    });
    for row in rows.await {
        let expected = match row.target_id.as_deref().and_then(|status| status.parse().ok()) {
            Some(401_u16 | 403) => Denied,
            Some(400..=599) => Failure,
            _ => Success,
        };
        assert_eq!(row.outcome, expected, "{:?}", row.target_id);
        assert_eq!(row.error.is_some(), expected != Success, "{:?}", row.target_id);
    }
}

type Failed = (StatusCode, String);

#[audited(action = "project.updated", target_id = 1)]
async fn status_or(status: Result<&'static str, u16>) -> Result<&'static str, StatusCode> {
    status.map_err(code)
}

#[audited(action = "project.updated", target_id = 1)]
async fn json_or(status: u16) -> Result<Json<u16>, Failed> {
    if status == 200 { Ok(Json(status)) } else { Err((code(status), "a secret".to_owned())) }
}

#[audited(action = "project.updated", target_id = 1)]
async fn tuple(status: u16) -> (StatusCode, HeaderMap, Json<u16>) {
    (code(status), HeaderMap::new(), Json(status))
}

#[audited(action = "project.updated", target_id = 1)]
async fn response_or(status: u16) -> Result<impl IntoResponse, Response> {
    if status == 200 { Ok(Html("fine")) } else { Err(code(status).into_response()) }
}

#[audited(action = "project.updated", target_id = 1)]
async fn refused_in_ok(status: u16) -> Result<(StatusCode, [(http::HeaderName, &'static str); 1], String), StatusCode> {
    Ok((code(status), [(ETAG, "1")], "sorry".to_owned()))
}

#[audited(action = "project.updated", target_id = 1)]
fn plain(status: u16) -> Response<Body> {
    code(status).into_response()
}

#[audited(action = "project.updated", target_id = 1)]
async fn headers_first(status: u16) -> (HeaderMap, StatusCode) {
    (HeaderMap::new(), code(status))
}

#[tokio::test]
async fn what_handlers_return_says_how_the_call_ended() {
    let seen = seen(async {
        let _ = status_or(Ok("fine")).await;
        let _ = status_or(Err(403)).await;
        let _ = status_or(Err(404)).await;
        let _ = json_or(200).await;
        let _ = json_or(401).await;
        let _ = json_or(500).await;
        let _ = tuple(201).await;
        let _ = tuple(403).await;
        let _ = response_or(200).await;
        let _ = response_or(403).await;
        let _ = refused_in_ok(403).await;
        let _ = refused_in_ok(409).await;
        plain(401);
        plain(200);
        headers_first(503).await;
    });
    let expected = [
        success(),
        denied("403 Forbidden"),
        failure("404 Not Found"),
        success(),
        denied("401 Unauthorized"),
        failure("500 Internal Server Error"),
        success(),
        denied("403 Forbidden"),
        success(),
        denied("403 Forbidden"),
        denied("403 Forbidden"),
        failure("409 Conflict"),
        denied("401 Unauthorized"),
        success(),
        failure("503 Service Unavailable"),
    ];
    assert_eq!(seen.await, expected);
}

#[audited(action = "project.updated", target_id = 1)]
async fn opaque_tuple(status: u16) -> impl IntoResponse {
    if status == 404 {
        return (code(404), "nothing here");
    }
    (code(status), "here")
}

#[audited(action = "project.updated", target_id = 1)]
async fn opaque_result(status: u16) -> impl IntoResponse {
    check(status)?;
    Ok::<_, Failed>(Redirect::to("/"))
}

fn check(status: u16) -> Result<(), Failed> {
    if status == 200 { Ok(()) } else { Err((code(status), String::new())) }
}

#[audited(action = "project.updated", target_id = 1)]
fn opaque_future(status: u16) -> impl Future<Output = impl IntoResponse> + Send {
    async move { ([(CONTENT_TYPE, "text/plain")], code(status)) }
}

#[audited(action = "project.updated", target_id = 1)]
fn opaque_and_plain() -> impl IntoResponse {
    (Extension(1), [(CONTENT_TYPE, "text/plain")], "text")
}

#[tokio::test]
async fn an_opaque_response_is_judged_by_the_value_that_the_body_gives() {
    let seen = seen(async {
        let _ = opaque_tuple(200).await;
        let _ = opaque_tuple(403).await;
        let _ = opaque_tuple(404).await;
        let _ = opaque_result(200).await;
        let _ = opaque_result(403).await;
        let _ = opaque_future(200).await;
        let _ = opaque_future(429).await;
        let _ = opaque_and_plain();
    });
    let expected = [
        success(),
        denied("403 Forbidden"),
        failure("404 Not Found"),
        success(),
        denied("403 Forbidden"),
        success(),
        failure("429 Too Many Requests"),
        success(),
    ];
    assert_eq!(seen.await, expected);
}

#[derive(Debug, AuditOutcome)]
enum Error {
    #[audit(denied)]
    NotYours {
        owner: &'static str,
    },
    Broken(u8),
    #[audit(success)]
    Already,
    #[audit(transparent)]
    Status(StatusCode),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::NotYours { owner } => (StatusCode::FORBIDDEN, owner).into_response(),
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Self::Already => StatusCode::OK.into_response(),
            Self::Status(status) => status.into_response(),
        }
    }
}

#[derive(Debug, AuditOutcome)]
#[audit(success)]
struct Page;

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        "page".into_response()
    }
}

#[audited(action = "project.updated", target_id = 1, err = |error| matches!(error, Error::Broken(1)).then_some("one"))]
async fn page_or(error: Option<Error>) -> Result<Page, Error> {
    error.map_or(Ok(Page), Err)
}

#[audited(action = "project.updated", target_id = 1)]
async fn any_or(error: Error) -> Result<impl IntoResponse, Error> {
    if matches!(error, Error::Broken(0)) { Ok(Page) } else { Err(error) }
}

#[tokio::test]
async fn errors_and_responses_of_ones_own_say_it_by_a_derived_trait() {
    let seen = seen(async {
        let _ = page_or(None).await;
        let _ = page_or(Some(Error::NotYours { owner: "me" })).await;
        let _ = page_or(Some(Error::Broken(1))).await;
        let _ = page_or(Some(Error::Already)).await;
        let _ = any_or(Error::Broken(0)).await;
        let _ = any_or(Error::Status(StatusCode::UNAUTHORIZED)).await;
        let _ = any_or(Error::Status(StatusCode::CONFLICT)).await;
    });
    let expected = [
        success(),
        (Denied, None),
        failure("one"),
        success(),
        success(),
        denied("401 Unauthorized"),
        failure("409 Conflict"),
    ];
    assert_eq!(seen.await, expected);
}

#[tokio::test]
async fn an_outcome_argument_speaks_for_a_response_that_nobody_can_judge() {
    fn hidden() -> impl IntoResponse {
        StatusCode::FORBIDDEN
    }
    #[audited(action = "project.updated", target_id = 1, outcome = |_| Outcome::Denied)]
    async fn opaque() -> impl IntoResponse {
        hidden()
    }
    let seen = seen(async {
        let _ = opaque().await;
    });
    assert_eq!(seen.await, [(Denied, None)]);
}

#[tokio::test]
async fn texts_and_values_that_are_no_responses_keep_their_usual_outcome() {
    #[audited(action = "project.updated", target_id = 1)]
    fn borrowed<'a>(text: &'a str, bytes: &'a [u8]) -> Result<&'a str, &'a [u8]> {
        if text.is_empty() { Err(bytes) } else { Ok(text) }
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn nothing(fails: bool) -> Result<(), String> {
        if fails { Err("sorry".to_owned()) } else { Ok(()) }
    }
    let seen = seen(async {
        let _ = borrowed("a", &[]);
        let _ = borrowed("", &[1]);
        let _ = nothing(false).await;
        let _ = nothing(true).await;
    });
    let texts: Vec<_> = seen.await;
    assert_eq!(texts.iter().map(|seen| seen.0).collect::<Vec<_>>(), [Success, Failure, Success, Failure]);
    assert_eq!(texts[3], failure("sorry"));
}
