//! The context of a request, in an axum service that is connected to.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use audit_core::http::{ContextLayer, TrustedProxies};
use audit_core::testing::Capture;
use audit_core::{Actor, Auditor, Context, Row, audited, context};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, extract::Path};
use http::StatusCode;
use http_body::Frame;
use proptest::test_runner::TestRunner;
use tests::calls::{SOON, rows};
use tests::scripted::ScriptedStore;
use tests::spoofs::spoofed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

#[audited(action = "project.updated", target_id = id)]
async fn touch(Path(id): Path<String>) -> StatusCode {
    StatusCode::NO_CONTENT
}

#[audited(action = "project.deleted", target_id = 7)]
async fn wait() -> StatusCode {
    std::future::pending().await
}

/// Says in the log when it is dropped.
struct Streamed;

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        streamed("frame");
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        streamed("dropped");
    }
}

#[audited(action = "project.updated")]
fn streamed(project_id: &str) {}

#[derive(Clone)]
struct Session(&'static str);

fn routes() -> Router {
    Router::new()
        .route("/touch/{id}", get(touch))
        .route("/stream", get(|| async { Body::new(Streamed) }))
        .route("/nothing", get(|| async { "nothing" }))
}

fn request(path: &str) -> http::request::Builder {
    Request::builder().uri(path)
}

async fn ask(app: &Router, request: http::request::Builder) -> Response {
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn request_id(response: &Response) -> &str {
    response.headers()["x-request-id"].to_str().unwrap()
}

async fn one(app: Router, request: http::request::Builder) -> (Row, Response) {
    let mut response = None;
    let mut rows = rows(async { response = Some(ask(&app, request).await) }).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    (rows.remove(0), response.unwrap())
}

#[tokio::test]
async fn a_request_brings_its_context() {
    let app = routes().layer(ContextLayer::new());
    let peer: SocketAddr = "203.0.113.9:4711".parse().unwrap();
    let request = request("/touch/7")
        .header("x-request-id", "req_9")
        .header("user-agent", "curl/8")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("x-forwarded-for", "6.6.6.6")
        .header("forwarded", "for=6.6.6.6")
        .header("x-real-ip", "6.6.6.6")
        .extension(ConnectInfo(peer));
    let (row, response) = one(app, request).await;
    assert_eq!((row.request_id.as_deref(), request_id(&response)), (Some("req_9"), "req_9"));
    assert_eq!((row.ip_address, row.user_agent.as_deref()), (Some(peer.ip()), Some("curl/8")));
    assert_eq!(row.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(row.span_id.as_deref(), Some("b7ad6b7169203331"));
    assert_eq!(row.actor_id.as_deref(), Some(Actor::UNATTRIBUTED));
}

#[tokio::test]
async fn an_id_that_is_not_well_formed_is_replaced() {
    let app = routes().layer(ContextLayer::new());
    let (row, response) = one(app, request("/touch/7").header("x-request-id", "a b")).await;
    assert_eq!(row.request_id.as_deref(), Some(request_id(&response)));
    assert_eq!(request_id(&response).len(), 36);
    assert_eq!(row.ip_address, None, "nobody knows who was connected");
}

#[tokio::test]
async fn trusted_proxies_are_believed() {
    let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
    let layer = ContextLayer::new().trust(proxies).peer(|request| request.extensions.get::<IpAddr>().copied());
    let request = request("/touch/7")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-forwarded-for", "203.0.113.9, 10.0.0.2")
        .extension("10.0.0.1".parse::<IpAddr>().unwrap());
    let (row, _) = one(routes().layer(layer), request).await;
    assert_eq!(row.ip_address, Some("203.0.113.9".parse().unwrap()));
}

#[tokio::test]
async fn whoever_authenticates_inside_completes_the_context() {
    async fn authenticate(request: Request, next: Next) -> Response {
        context::update(|context| context.with_actor(Actor::user("user_123")).with_tenant_id("acme"));
        next.run(request).await
    }
    let app = routes().layer(from_fn(authenticate)).layer(ContextLayer::new());
    let (row, response) = one(app, request("/touch/7")).await;
    assert_eq!((row.actor_id.as_deref(), row.tenant_id.as_deref()), (Some("user_123"), Some("acme")));
    assert_eq!(row.request_id.as_deref(), Some(request_id(&response)));
}

#[tokio::test]
async fn what_authentication_left_in_the_request_identifies_the_actor() {
    let now = ContextLayer::new().identify(|request, context| match request.extensions.get::<Session>() {
        Some(session) => context.with_actor(Actor::user(session.0)).with_on_behalf_of("user_7"),
        None => context,
    });
    let later = ContextLayer::new().identify_later(|request, context| {
        let session = request.extensions.get::<Session>().cloned();
        async move {
            tokio::task::yield_now().await;
            match session {
                Some(session) => context.with_actor(Actor::user(session.0)).with_on_behalf_of("user_7"),
                None => context,
            }
        }
    });
    for layer in [now, later] {
        let (row, response) = one(routes().layer(layer), request("/touch/7").extension(Session("user_123"))).await;
        assert_eq!((row.actor_id.as_deref(), row.on_behalf_of.as_deref()), (Some("user_123"), Some("user_7")));
        assert_eq!(row.request_id.as_deref(), Some(request_id(&response)));
    }
}

#[tokio::test]
async fn a_request_that_does_nothing_audited_records_nothing() {
    let app = routes().layer(ContextLayer::new());
    let rows = rows(async {
        let response = ask(&app, request("/nothing")).await;
        assert!(response.headers().contains_key("x-request-id"));
        assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), "nothing");
    })
    .await;
    assert_eq!(rows, []);
}

#[tokio::test]
async fn the_body_of_a_response_is_written_and_dropped_in_the_context() {
    let app = routes().layer(ContextLayer::new());
    let rows = rows(async {
        let response = ask(&app, request("/stream").header("x-request-id", "req_9")).await;
        let mut body = response.into_body();
        let frame = std::future::poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx)).await;
        assert!(frame.unwrap().unwrap().is_data());
    })
    .await;
    let told: Vec<_> = rows.iter().map(|row| (row.target_id.as_deref(), row.request_id.as_deref())).collect();
    assert_eq!(told, [(Some("frame"), Some("req_9")), (Some("dropped"), Some("req_9"))]);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_an_entry_with_the_context() {
    let store = ScriptedStore::default();
    let writer = Auditor::builder().store(Arc::new(store.clone())).start().await.unwrap();
    let auditor = writer.auditor().clone();
    let (began, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let layer = ContextLayer::new().identify(move |_, context| {
        began.send(()).unwrap();
        context.with_actor(Actor::user("user_123")).with_auditor(auditor.clone())
    });
    let (ended, ends) = tokio::sync::oneshot::channel();
    let ended = Arc::new(std::sync::Mutex::new(Some(ended)));
    let app = Router::new().route(
        "/wait",
        get(move || {
            let ended = Arc::clone(&ended);
            async move {
                let _told = telling(ended);
                wait().await
            }
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.layer(layer).into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\nx-request-id: req_9\r\n\r\n").await.unwrap();
    begins.recv().await.unwrap();
    // It is gone when the server has closed its side, too.
    client.shutdown().await.unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    ends.await.unwrap();
    server.abort();

    assert_eq!(writer.shutdown(SOON).await.lost, 0);
    let rows = store.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].outcome.as_str(), rows[0].actor_id.as_deref()), ("cancelled", Some("user_123")));
    assert_eq!((rows[0].request_id.as_deref(), rows[0].ip_address), (Some("req_9"), Some(address.ip())));
}

/// Tells when the handler's future is gone.
fn telling(ended: Arc<std::sync::Mutex<Option<tokio::sync::oneshot::Sender<()>>>>) -> impl Sized {
    struct Tells(Arc<std::sync::Mutex<Option<tokio::sync::oneshot::Sender<()>>>>);
    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.lock().unwrap().take().unwrap().send(());
        }
    }
    Tells(ended)
}

#[test]
fn no_request_makes_the_log_hold_an_address_that_no_trusted_hop_vouched_for() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let tried = TestRunner::default().run(&spoofed(), |spoofed| {
        let capture = Capture::new();
        runtime.block_on(capture.scope(async {
            let app = routes().layer(ContextLayer::new().trust(spoofed.proxies()));
            let peer = ConnectInfo(SocketAddr::from((spoofed.peer, 4711)));
            let headers = spoofed.headers.iter().map(|(name, value)| (*name, value.as_str()));
            let request = headers.fold(request("/touch/7"), |request, (name, value)| request.header(name, value));
            ask(&app, request.extension(peer)).await;
        }));
        assert_eq!(capture.rows()[0].ip_address, Some(spoofed.client));
        Ok(())
    });
    tried.unwrap();
}

#[tokio::test]
async fn nothing_of_a_request_is_left_on_the_thread() {
    ask(&routes().layer(ContextLayer::new()), request("/nothing")).await;
    assert!(Context::current().request_id().is_none());
}
