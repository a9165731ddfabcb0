//! What its context costs a request that does nothing audited: less than 1 µs.
//!
//! `cargo bench -p audit-core --features tower --bench context_time`

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};

use audit_core::http::{ContextLayer, TrustedProxies};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

/// Answers at once.
#[derive(Clone)]
struct Bare;

impl Service<Request<()>> for Bare {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(String::new())))
    }
}

fn request() -> Request<()> {
    let peer: SocketAddr = "10.0.0.1:4711".parse().expect("an address");
    Request::builder()
        .uri("/projects/proj_456")
        .header("host", "example.org")
        .header("accept", "application/json")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        .header("x-forwarded-for", "203.0.113.9, 10.0.0.2")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .extension(peer)
        .body(())
        .expect("a request")
}

fn answer<S: Service<Request<()>>>(service: &mut S, request: Request<()>) -> Option<S::Response> {
    let mut task = Task::from_waker(Waker::noop());
    match pin!(service.call(request)).poll(&mut task) {
        Poll::Ready(response) => response.ok(),
        Poll::Pending => None,
    }
}

fn context_time(criterion: &mut Criterion) {
    let proxies: TrustedProxies = "10.0.0.0/8".parse().expect("networks");
    let mut with_context = ContextLayer::new().trust(proxies).layer(Bare);
    let mut bare = Bare;
    let mut group = criterion.benchmark_group("request");
    group.bench_function("bare", |bench| {
        bench.iter_batched(request, |request| black_box(answer(&mut bare, request)), BatchSize::SmallInput);
    });
    group.bench_function("context", |bench| {
        bench.iter_batched(request, |request| black_box(answer(&mut with_context, request)), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, context_time);
criterion_main!(benches);
