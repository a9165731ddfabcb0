//! The context of a request, in a service on actix-web.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as Task, Poll, Waker};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::error::{ErrorForbidden, ErrorNotFound};
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{self, Bytes, Json, Path};
use actix_web::{App, Error, HttpMessage as _, HttpResponse, HttpServer, Responder};
use audit_core::http::{ContextMiddleware, Routes, TrustedProxies};
use audit_core::testing::{self, Capture};
use audit_core::{Actor, AuditAction, Context, Outcome, assert_audited, assert_not_audited, audited};
use proptest::test_runner::TestRunner;
use tests::spoofs::spoofed;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

#[audited(action = "project.updated", target_id = id)]
async fn touch(id: Path<String>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

#[audited(action = "project.deleted", target_id = id)]
async fn answer(id: Path<u16>) -> HttpResponse {
    HttpResponse::new(StatusCode::from_u16(*id).unwrap())
}

#[audited(action = "project.deleted", target_id = "hidden")]
async fn hidden() -> impl Responder {
    HttpResponse::Forbidden().finish()
}

#[audited(action = "project.created", target_id = "json")]
async fn json() -> impl Responder {
    Json(7)
}

#[audited(action = "key.revoked", target_id = id)]
async fn refuse(id: Path<String>) -> Result<HttpResponse, Error> {
    Err(if *id == "mine" { ErrorNotFound("no such key") } else { ErrorForbidden("not yours") })
}

/// Says in the log when it is written, and when it is dropped.
struct Streamed;

impl MessageBody for Streamed {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        streamed("frame");
        Poll::Ready(Some(Ok(Bytes::from_static(b"x"))))
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        streamed("dropped");
    }
}

#[audited(action = "project.updated")]
fn streamed(project_id: &str) {}

async fn stream() -> HttpResponse<BoxBody> {
    HttpResponse::Ok().body(Streamed)
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/touch/{id}", web::get().to(touch))
        .route("/answer/{id}", web::get().to(answer))
        .route("/hidden", web::get().to(hidden))
        .route("/json", web::get().to(json))
        .route("/keys/{id}", web::delete().to(refuse))
        .route("/stream", web::get().to(stream))
        .route("/nothing", web::get().to(|| async { "nothing" }));
}

async fn ask(middleware: ContextMiddleware, request: TestRequest) -> ServiceResponse<impl MessageBody> {
    let service = init_service(App::new().configure(routes).wrap(middleware)).await;
    call_service(&service, request.to_request()).await
}

fn request_id<B>(response: &ServiceResponse<B>) -> &str {
    response.headers().get("x-request-id").unwrap().to_str().unwrap()
}

/// As those of entries are, which they leave as they would be without.
#[actix_web::test]
async fn ids_of_requests_without_one_are_the_same_in_each_run_of_a_test() {
    let mut runs = Vec::new();
    for requests_before in [0, 0, 2] {
        let audit = testing::capture();
        for _ in 0..requests_before {
            ask(ContextMiddleware::new(), TestRequest::get().uri("/nothing")).await;
        }
        let response = ask(ContextMiddleware::new(), TestRequest::get().uri("/touch/7")).await;
        let row = audit.rows().remove(0);
        assert_eq!(row.request_id.as_deref(), Some(request_id(&response)));
        runs.push((row.request_id, (row.id, row.created_at)));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0].0, runs[2].0);
    assert_eq!(runs[0].1, runs[2].1);
}

#[actix_web::test]
async fn an_entry_has_what_the_request_says_of_itself() {
    let _audit = testing::capture();
    let request = TestRequest::get()
        .uri("/touch/7")
        .peer_addr("203.0.113.9:4711".parse().unwrap())
        .insert_header(("x-request-id", "req_9"))
        .insert_header(("user-agent", "Mozilla/5.0"))
        .insert_header(("x-forwarded-for", "6.6.6.6"))
        .insert_header(("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    let response = ask(ContextMiddleware::new(), request).await;
    assert_eq!(request_id(&response), "req_9");
    assert_audited!(
        action = "project.updated",
        target = "7",
        request_id = "req_9",
        user_agent = "Mozilla/5.0",
        ip_address = "203.0.113.9",
        trace_id = "0af7651916cd43dd8448eb211c80319c",
        span_id = "b7ad6b7169203331",
    );
}

#[actix_web::test]
async fn an_id_that_is_missing_or_malformed_is_made() {
    let _audit = testing::capture();
    let response = ask(ContextMiddleware::new(), TestRequest::get().uri("/touch/7")).await;
    assert_audited!(request_id = request_id(&response));
    let request = TestRequest::get().uri("/touch/8").insert_header(("x-request-id", "<script>"));
    let response = ask(ContextMiddleware::new(), request).await;
    assert_ne!(request_id(&response), "<script>");
    assert_audited!(target = "8", request_id = request_id(&response));
}

#[actix_web::test]
async fn the_application_says_who_is_at_work_at_once_or_later() {
    let now = ContextMiddleware::new().identify(|request, context| {
        assert_eq!(request.path(), "/touch/7");
        context.with_actor(Actor::user("user_123")).with_tenant_id("acme")
    });
    let later = ContextMiddleware::new().identify_later(|request, context| {
        let path = request.path().to_owned();
        async move {
            tokio::task::yield_now().await;
            assert_eq!(path, "/touch/7");
            context.with_actor(Actor::user("user_123")).with_tenant_id("acme")
        }
    });
    for middleware in [now, later] {
        let _audit = testing::capture();
        ask(middleware, TestRequest::get().uri("/touch/7")).await;
        assert_audited!(target = "7", actor = "user:user_123", tenant_id = "acme");
    }
}

#[actix_web::test]
async fn the_address_of_whoever_is_connected_may_be_found_elsewhere() {
    let _audit = testing::capture();
    let middleware = ContextMiddleware::new()
        .peer(|request| request.extensions().get::<SocketAddr>().map(SocketAddr::ip))
        .trust("10.0.0.0/8".parse::<TrustedProxies>().unwrap());
    let request = TestRequest::get().uri("/touch/7").insert_header(("x-forwarded-for", "203.0.113.9"));
    let request = request.to_request();
    request.extensions_mut().insert::<SocketAddr>("10.0.0.1:80".parse().unwrap());
    let service = init_service(App::new().configure(routes).wrap(middleware)).await;
    call_service(&service, request).await;
    assert_audited!(target = "7", ip_address = "203.0.113.9");
}

#[actix_web::test]
async fn responses_and_errors_say_how_a_call_ended() {
    let _audit = testing::capture();
    let service = init_service(App::new().configure(routes).wrap(ContextMiddleware::new())).await;
    let get = async |path: &str| call_service(&service, TestRequest::get().uri(path).to_request()).await;
    for (code, expected) in [
        ("200", Outcome::Success),
        ("302", Outcome::Success),
        ("400", Outcome::Failure),
        ("401", Outcome::Denied),
        ("403", Outcome::Denied),
        ("404", Outcome::Failure),
        ("500", Outcome::Failure),
    ] {
        get(&format!("/answer/{code}")).await;
        assert_eq!(assert_audited!(action = "project.deleted", target = code).outcome, expected);
    }
    get("/hidden").await;
    assert_audited!(target = "hidden", outcome = denied, error = "403 Forbidden");
    get("/json").await;
    assert_audited!(target = "json", outcome = success);
    for (key, expected, error) in [("mine", Outcome::Failure, "no such key"), ("theirs", Outcome::Denied, "not yours")]
    {
        call_service(&service, TestRequest::delete().uri(&format!("/keys/{key}")).to_request()).await;
        assert_eq!(assert_audited!(action = "key.revoked", target = key, error = error).outcome, expected);
    }
}

#[actix_web::test]
async fn a_request_that_does_nothing_audited_records_nothing() {
    let audit = testing::capture();
    let response = ask(ContextMiddleware::new(), TestRequest::get().uri("/nothing")).await;
    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(read_body(response).await, "nothing");
    assert_not_audited!();
    assert_eq!(audit.rows(), []);
    assert!(Context::current().request_id().is_none(), "nothing of it is left on the thread");
}

#[actix_web::test]
async fn the_body_of_a_response_is_written_and_dropped_in_the_context() {
    let _audit = testing::capture();
    let request = TestRequest::get().uri("/stream").insert_header(("x-request-id", "req_9"));
    let response = ask(ContextMiddleware::new(), request).await;
    let mut body = Box::pin(response.into_body());
    assert_eq!(body.size(), BodySize::Stream);
    let frame = std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await;
    assert!(frame.unwrap().is_ok());
    assert_audited!(target = "frame", request_id = "req_9");
    assert_not_audited!(target = "dropped");
    drop(body);
    assert_audited!(target = "dropped", request_id = "req_9");
}

#[test]
fn no_request_makes_the_log_hold_an_address_that_no_trusted_hop_vouched_for() {
    let system = actix_web::rt::System::new();
    let tried = TestRunner::default().run(&spoofed(), |spoofed| {
        let capture = Capture::new();
        system.block_on(capture.scope(async {
            let mut request = TestRequest::get().uri("/touch/7").peer_addr((spoofed.peer, 4711).into());
            for (name, value) in &spoofed.headers {
                request = request.append_header((*name, value.as_str()));
            }
            ask(ContextMiddleware::new().trust(spoofed.proxies()), request).await;
        }));
        assert_eq!(capture.rows()[0].ip_address, Some(spoofed.client));
        Ok(())
    });
    tried.unwrap();
}

#[actix_web::test]
async fn a_client_that_goes_away_leaves_an_entry_with_the_context() {
    let capture = Capture::new();
    let auditor = capture.auditor().clone();
    let (began, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let server = HttpServer::new(move || {
        let (auditor, began, ended) = (auditor.clone(), began.clone(), ended.clone());
        let middleware = ContextMiddleware::new()
            .identify(move |_, context| context.with_actor(Actor::user("user_123")).with_auditor(auditor.clone()));
        let handler = move || {
            let (began, ended) = (began.clone(), ended.clone());
            async move {
                let _told = Telling(Some(ended));
                wait(began).await
            }
        };
        App::new().route("/wait", web::get().to(handler)).wrap(middleware)
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\nx-request-id: req_9\r\n\r\n").await.unwrap();
    begins.recv().await.unwrap();
    // By a reset: a client that merely ends its side still listens.
    client.set_zero_linger().unwrap();
    drop(client);
    ends.recv().await.unwrap();
    handle.stop(false).await;
    running.await.unwrap().unwrap();

    let rows = capture.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].outcome.as_str(), rows[0].actor_id.as_deref()), ("cancelled", Some("user_123")));
    assert_eq!((rows[0].request_id.as_deref(), rows[0].ip_address), (Some("req_9"), Some(address.ip())));
}

#[audited(action = "project.deleted", target_id = 7)]
async fn wait(began: tokio::sync::mpsc::UnboundedSender<()>) -> HttpResponse {
    began.send(()).unwrap();
    std::future::pending().await
}

/// Tells when the handler's future is gone.
struct Telling(Option<tokio::sync::mpsc::UnboundedSender<()>>);

impl Drop for Telling {
    fn drop(&mut self) {
        let _ = self.0.take().unwrap().send(());
    }
}

/// Ends after two frames, or with an error.
struct Frames {
    left: u8,
    breaks: bool,
}

impl MessageBody for Frames {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(self.breaks.then(|| Err(std::io::Error::other("broken"))));
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Bytes::from_static(b"x"))))
    }
}

const TABLE: &str = "
    GET  /plain/{status}   project.deleted  status
    GET  /frames/{project} project.created  project
    GET  /breaks/{project} project.created  project
    GET  /waits/{project}  project.updated  project
";

#[actix_web::test]
async fn requests_are_recorded_by_their_routes_however_they_end() {
    let audit = testing::capture();
    let plain = |status: Path<u16>| async move { HttpResponse::new(StatusCode::from_u16(*status).unwrap()) };
    let frames = |breaks| move || async move { HttpResponse::Ok().body(Frames { left: 2, breaks }) };
    let app = App::new()
        .route("/plain/{status}", web::get().to(plain))
        .route("/frames/{project}", web::get().to(frames(false)))
        .route("/breaks/{project}", web::get().to(frames(true)))
        .route("/waits/{project}", web::get().to(|| async { std::future::pending::<HttpResponse>().await }))
        .wrap(ContextMiddleware::new().record(Routes::of::<AuditAction>(TABLE).unwrap()));
    let service = init_service(app).await;
    let get = |path: &str| TestRequest::get().uri(path).insert_header(("x-request-id", "req_9")).to_request();

    for (status, expected) in
        [("204", Outcome::Success), ("403", Outcome::Denied), ("404", Outcome::Failure), ("500", Outcome::Failure)]
    {
        call_service(&service, get(&format!("/plain/{status}"))).await;
        let row = assert_audited!(action = "project.deleted", target = status, request_id = "req_9");
        assert_eq!(row.outcome, expected);
    }
    let response = call_service(&service, get("/frames/whole")).await;
    assert_not_audited!(target = "whole");
    assert_eq!(read_body(response).await, "xx");
    assert_audited!(target = "whole", outcome = success);

    let mut body = Box::pin(call_service(&service, get("/frames/dropped")).await.into_body());
    assert!(std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await.unwrap().is_ok());
    drop(body);
    assert_audited!(target = "dropped", outcome = cancelled, request_id = "req_9");

    let body = call_service(&service, get("/breaks/7")).await.into_body();
    assert!(actix_web::body::to_bytes(body).await.is_err());
    assert_audited!(target = "7", outcome = failure, error = "the body of the response failed");

    let mut waits = Box::pin(service.call(get("/waits/8")));
    assert!(waits.as_mut().poll(&mut Task::from_waker(Waker::noop())).is_pending());
    drop(waits);
    assert_audited!(target = "8", outcome = cancelled, request_id = "req_9");
    assert_eq!(audit.rows().len(), 8);
}
