//! Connections to `audit serve`: so many at a time, and none for longer than its client does something with it.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// How long to wait where the system has no more sockets to give.
const EXHAUSTED: Duration = Duration::from_secs(1);

/// What bounds connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most at a time; more wait for one to end.
    pub(crate) connections: usize,
    /// Longest head of a request in bytes; a longer one is answered with 431. At least 8,192.
    pub(crate) head_bytes: usize,
    /// How long a request's head may take to arrive, also that of the next one.
    pub(crate) head_time: Duration,
    /// How long a client may read nothing of its answer.
    pub(crate) unread_time: Duration,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        connections: 256,
        head_bytes: 16_384,
        head_time: Duration::from_secs(15),
        unread_time: Duration::from_secs(30),
    };
}

/// Serves pages to whoever connects.
pub(crate) async fn serve(listener: TcpListener, pages: Router, limits: Limits) -> Infallible {
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes.max(65_536));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => answer(&http, stream, pages.clone(), limits, place),
            // The client has gone again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => sleep(EXHAUSTED).await,
        }
    }
}

fn answer(http: &http1::Builder, stream: TcpStream, pages: Router, limits: Limits, place: OwnedSemaphorePermit) {
    // Answers are sent whole.
    let _ = stream.set_nodelay(true);
    let connection = Connection { stream, patience: limits.unread_time, unread: None };
    let answered = http.serve_connection(TokioIo::new(connection), TowerToHyperService::new(pages));
    tokio::spawn(async move {
        // What ends a connection is its client's affair.
        let _ = answered.await;
        drop(place);
    });
}

/// A connection that fails when its client reads nothing for too long.
struct Connection {
    stream: TcpStream,
    patience: Duration,
    /// Since the client read last.
    unread: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    fn bounded<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.unread = None;
            return written;
        }
        let patience = self.patience;
        let unread = self.unread.get_or_insert_with(|| Box::pin(sleep(patience)));
        unread.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.bounded(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bounded(shut, context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;

    const QUICK: Limits = Limits {
        connections: 2,
        head_bytes: 8_192,
        head_time: Duration::from_millis(200),
        unread_time: Duration::from_millis(200),
    };
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    async fn served(limits: Limits) -> SocketAddr {
        let pages = Router::new().route("/", get(async || "here")).route("/large", get(async || "x".repeat(50 << 20)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, pages, limits));
        address
    }

    async fn sent(address: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    async fn answer_to(address: SocketAddr, bytes: &[u8]) -> String {
        let mut answer = Vec::new();
        sent(address, bytes).await.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_is_refused() {
        let address = served(Limits { head_time: Duration::from_mins(1), ..QUICK }).await;
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n", "x".repeat(QUICK.head_bytes));
        let answer = answer_to(address, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: {}\r\n\r\n", "x".repeat(7_000));
        assert!(answer_to(address, head.as_bytes()).await.ends_with("here"));
    }

    #[tokio::test]
    async fn a_head_that_takes_too_long_ends_its_connection_also_that_of_the_next_request() {
        let address = served(QUICK).await;
        for bytes in [&b""[..], b"GET / HTTP/1.1\r\nHo", REQUEST] {
            let began = Instant::now();
            let answer = answer_to(address, bytes).await;
            assert_eq!(answer.contains("here"), bytes == REQUEST, "{answer}");
            let took = began.elapsed();
            assert!(took >= QUICK.head_time && took < Duration::from_secs(10), "{took:?}");
        }
    }

    #[tokio::test]
    async fn beyond_the_most_connections_a_client_waits_until_one_ends() {
        let address = served(Limits { head_time: Duration::from_mins(1), ..QUICK }).await;
        let mut held = [sent(address, REQUEST).await, sent(address, REQUEST).await];
        for stream in &mut held {
            stream.read_exact(&mut [0; 12]).await.unwrap();
        }
        let mut waiting = sent(address, REQUEST).await;
        let early = timeout(Duration::from_millis(300), waiting.read_exact(&mut [0; 12])).await;
        assert!(early.is_err(), "a third is answered while there are two");
        drop(held);
        waiting.read_exact(&mut [0; 12]).await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_loses_its_connection() {
        let address = served(Limits { connections: 1, head_time: Duration::from_mins(1), ..QUICK }).await;
        let _unread = sent(address, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut next = sent(address, REQUEST).await;
        timeout(Duration::from_secs(10), next.read_exact(&mut [0; 12])).await.expect("a place is free").unwrap();
    }
}
