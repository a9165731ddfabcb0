//! A web service on loopback, as long as a test needs it.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A service that answers.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Served {
    /// Listens at a free port. Routes are told who asks.
    pub async fn start(routes: Router) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (stop, stopping) = oneshot::channel();
        let service = routes.into_make_service_with_connect_info::<SocketAddr>();
        let serve = axum::serve(listener, service).with_graceful_shutdown(async { drop(stopping.await) });
        let serving = tokio::spawn(async { serve.await.expect("the listener works") });
        Self { address, stop, serving }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the requests in progress.
    pub async fn stop(self) {
        self.stop.send(()).expect("the service goes on until now");
        self.serving.await.expect("the service does not panic");
    }
}
