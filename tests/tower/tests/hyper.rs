//! The context of a request to hyper, that is without a framework.

use std::convert::Infallible;
use std::net::SocketAddr;

use audit_core::http::ContextLayer;
use audit_core::{Row, audited};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tests::calls::rows;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

#[audited(action = "project.updated")]
async fn rename(project_id: &str) {}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(id) = request.uri().path().strip_prefix("/projects/") {
        rename(id).await;
    }
    Ok(Response::new(Full::from("done")))
}

/// What a connection says in answer to these requests, and what the log holds then.
async fn exchange(requests: &[u8]) -> (String, SocketAddr, Vec<Row>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let mut answers = String::new();
    let rows = rows(async {
        let service =
            ContextLayer::new().layer(service_fn(answer)).map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(peer);
                request
            });
        client.write_all(requests).await.unwrap();
        client.shutdown().await.unwrap();
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let (served, read) = tokio::join!(served, client.read_to_string(&mut answers));
        served.unwrap();
        read.unwrap();
    });
    let rows = rows.await;
    (answers, peer, rows)
}

#[tokio::test]
async fn each_request_of_a_connection_has_a_context_of_its_own() {
    let (answers, peer, rows) = exchange(
        b"GET /projects/1 HTTP/1.1\r\nhost: x\r\nx-request-id: req_1\r\nuser-agent: curl/8\r\n\r\n\
          GET / HTTP/1.1\r\nhost: x\r\nx-request-id: req_2\r\n\r\n\
          GET /projects/3 HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 6.6.6.6\r\nconnection: close\r\n\r\n",
    )
    .await;
    let ids: Vec<_> = answers.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).collect();
    assert_eq!(ids[..2], ["req_1", "req_2"], "{answers}");
    let told: Vec<_> =
        rows.iter().map(|row| (row.target_id.as_deref(), row.request_id.as_deref(), row.ip_address)).collect();
    let peer = Some(peer.ip());
    assert_eq!(told, [(Some("1"), Some(ids[0]), peer), (Some("3"), Some(ids[2]), peer)]);
    assert_eq!((rows[0].user_agent.as_deref(), rows[1].user_agent.as_deref()), (Some("curl/8"), None));
}
