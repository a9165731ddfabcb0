//! The context of a call to tonic.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use audit_core::http::ContextLayer;
use audit_core::{Actor, Auditor, Outcome, Row, WriterGuard, audited};
use http::uri::PathAndQuery;
use tests::calls::SOON;
use tests::scripted::ScriptedStore;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

type Boxed<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Gives secrets away, but not this one.
const FORBIDDEN: &str = "root";
/// Asks whoever is asked for it for ever.
const ENDLESS: &str = "endless";

#[audited(action = "secret.accessed", target_id = name.get_ref(), outcome = |answer| ended(answer))]
async fn access(name: Request<String>) -> Result<Response<String>, Status> {
    match name.get_ref().as_str() {
        FORBIDDEN => Err(Status::permission_denied("not for you")),
        ENDLESS => std::future::pending().await,
        name => Ok(Response::new(format!("secret of {name}"))),
    }
}

fn ended(answer: &Result<Response<String>, Status>) -> Outcome {
    match answer.as_ref().map_err(Status::code) {
        Ok(_) => Outcome::Success,
        Err(Code::PermissionDenied | Code::Unauthenticated) => Outcome::Denied,
        Err(_) => Outcome::Failure,
    }
}

/// What generated code would be.
#[derive(Clone)]
struct Vault {
    gone: UnboundedSender<()>,
}

impl NamedService for Vault {
    const NAME: &'static str = "vault.Vault";
}

impl Service<http::Request<Body>> for Vault {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = Access { gone: self.gone.clone() };
        Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).unary(method, request).await) })
    }
}

struct Access {
    gone: UnboundedSender<()>,
}

impl UnaryService<String> for Access {
    type Response = String;
    type Future = Boxed<Response<String>, Status>;

    fn call(&mut self, name: Request<String>) -> Self::Future {
        let gone = Gone(self.gone.clone());
        Box::pin(async move {
            let _gone = gone;
            access(name).await
        })
    }
}

/// Tells when the handler's future is gone.
struct Gone(UnboundedSender<()>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// A server, a client of it, and the log of the server.
struct Served {
    address: SocketAddr,
    channel: Channel,
    writer: WriterGuard,
    store: ScriptedStore,
    begun: UnboundedReceiver<()>,
    gone: UnboundedReceiver<()>,
}

impl Served {
    async fn new() -> Self {
        let store = ScriptedStore::default();
        let writer = Auditor::builder().store(Arc::new(store.clone())).start().await.unwrap();
        let auditor = writer.auditor().clone();
        let (begins, begun) = unbounded_channel();
        let (goes, gone) = unbounded_channel();
        let layer = ContextLayer::new()
            .peer(|request| Some(request.extensions.get::<TcpConnectInfo>()?.remote_addr()?.ip()))
            .identify(move |request, context| {
                let _ = begins.send(());
                let context = context.with_auditor(auditor.clone());
                match request.headers.get("x-user").and_then(|user| user.to_str().ok()) {
                    Some(user) => context.with_actor(Actor::user(user)),
                    None => context,
                }
            });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder().layer(layer).add_service(Vault { gone: goes });
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Self { address, channel, writer, store, begun, gone }
    }

    fn access(&self, name: &str) -> impl Future<Output = Result<Response<String>, Status>> + use<> {
        let mut request = Request::new(name.to_owned());
        let metadata = request.metadata_mut();
        metadata.insert("x-request-id", "req_9".parse().unwrap());
        metadata.insert("x-user", "user_123".parse().unwrap());
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        async move {
            client.ready().await.unwrap();
            let path = PathAndQuery::from_static("/vault.Vault/Access");
            client.unary(request, path, ProstCodec::<String, String>::default()).await
        }
    }

    /// The one row of the log.
    async fn row(self) -> Row {
        assert_eq!(self.writer.shutdown(SOON).await.lost, 0);
        let mut rows = self.store.rows();
        assert_eq!(rows.len(), 1, "one call, one entry: {rows:?}");
        let row = rows.remove(0);
        assert_eq!((row.actor_id.as_deref(), row.request_id.as_deref()), (Some("user_123"), Some("req_9")));
        assert_eq!(row.ip_address, Some(self.address.ip()));
        assert!(row.user_agent.as_deref().is_some_and(|agent| agent.starts_with("tonic/")), "{:?}", row.user_agent);
        row
    }
}

#[tokio::test]
async fn a_call_brings_its_context() {
    let served = Served::new().await;
    let answer = served.access("db").await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "req_9");
    assert_eq!(answer.into_inner(), "secret of db");
    let row = served.row().await;
    assert_eq!((row.outcome, row.target_id.as_deref()), (Outcome::Success, Some("db")));
}

#[tokio::test]
async fn a_call_that_is_refused_is_denied() {
    let served = Served::new().await;
    let refused = served.access(FORBIDDEN).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, "not for you"));
    let row = served.row().await;
    assert_eq!((row.outcome, row.target_id.as_deref()), (Outcome::Denied, Some(FORBIDDEN)));
}

#[tokio::test]
async fn a_call_that_its_client_gives_up_is_cancelled() {
    let mut served = Served::new().await;
    let given_up = tokio::spawn(served.access(ENDLESS));
    served.begun.recv().await.unwrap();
    given_up.abort();
    served.gone.recv().await.unwrap();
    let row = served.row().await;
    assert_eq!((row.outcome, row.target_id.as_deref()), (Outcome::Cancelled, Some(ENDLESS)));
}
