//! The proxy itself.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::Manner;
use super::connection::{self, Connection};

/// More connections than this are refused; each takes two threads.
const MOST_CONNECTIONS: usize = 64;

/// A proxy before a server on loopback, for as long as the value lives.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// The port of the server behind.
    upstream: AtomicU16,
    state: Mutex<State>,
    accepted: AtomicU64,
}

#[derive(Debug)]
struct State {
    future: Manner,
    connections: Vec<Arc<Connection>>,
    closed: bool,
}

impl Proxy {
    /// Starts a proxy before the server at a port of loopback.
    #[must_use]
    pub fn before(upstream: u16, manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let state = State { future: manner, connections: Vec::new(), closed: false };
        let shared =
            Arc::new(Shared { upstream: upstream.into(), state: Mutex::new(state), accepted: AtomicU64::new(0) });
        let accepting = Arc::clone(&shared);
        let listening = thread::spawn(move || accepting.accept(&listener));
        Self { port, shared, listening: Some(listening) }
    }

    /// The URL of a database on the server behind, through the proxy. Without TLS, so that messages can be read.
    ///
    /// # Panics
    ///
    /// When the URL names another server.
    #[must_use]
    pub fn url(&self, direct: &str) -> String {
        let server = format!(":{}/", self.shared.upstream.load(Ordering::Relaxed));
        assert!(direct.contains(&server), "{direct} is not on the server behind the proxy");
        direct.replacen(&server, &format!(":{}/", self.port), 1) + "?sslmode=disable"
    }

    /// From now on all connections behave in this manner.
    pub fn all(&self, manner: Manner) {
        self.future(manner);
        self.present(manner);
    }

    /// The connections there are behave in this manner from now on.
    pub fn present(&self, manner: Manner) {
        for connection in &self.shared.state().connections {
            connection.behave(manner);
        }
    }

    /// Connections to come will behave in this manner.
    pub fn future(&self, manner: Manner) {
        self.shared.state().future = manner;
    }

    /// Connections to come will lead to the server at another port of loopback.
    pub fn lead_to(&self, upstream: u16) {
        self.shared.upstream.store(upstream, Ordering::Relaxed);
    }

    /// Resets the connections there are: both ends see `ECONNRESET`.
    pub fn reset(&self) {
        for connection in &self.shared.state().connections {
            connection.reset();
        }
    }

    /// How many connections have been made so far, refused ones included.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        for connection in &self.shared.state().connections {
            connection.reset();
        }
        // Wakes the listening thread, which then sees that it is over.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(&self, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            self.accepted.fetch_add(1, Ordering::Relaxed);
            let mut state = self.state();
            if state.closed {
                return;
            }
            state.connections.retain(|connection| !connection.is_over());
            if state.future == Manner::Refuse || state.connections.len() == MOST_CONNECTIONS {
                continue;
            }
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.upstream.load(Ordering::Relaxed))) else {
                continue;
            };
            let connection = Arc::new(Connection::new(client, server, state.future));
            state.connections.push(Arc::clone(&connection));
            connection::serve(connection);
        }
    }
}
