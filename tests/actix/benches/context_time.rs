//! What its context costs a request of actix-web that does nothing audited: less than 1 µs.
//!
//! `cargo bench -p actix-tests --bench context_time`

use std::hint::black_box;

use actix_web::dev::Service;
use actix_web::rt::System;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use audit_core::http::{ContextMiddleware, TrustedProxies};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

fn request() -> TestRequest {
    let request = TestRequest::get().uri("/projects/proj_456").peer_addr("10.0.0.1:4711".parse().expect("an address"));
    let headers = [
        ("host", "example.org"),
        ("accept", "application/json"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("x-forwarded-for", "203.0.113.9, 10.0.0.2"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    headers.into_iter().fold(request, TestRequest::insert_header)
}

async fn answer() -> HttpResponse {
    HttpResponse::Ok().finish()
}

fn context_time(criterion: &mut Criterion) {
    let system = System::new();
    let proxies: TrustedProxies = "10.0.0.0/8".parse().expect("networks");
    let route = || web::get().to(answer);
    let bare = system.block_on(init_service(App::new().route("/projects/{id}", route())));
    let app = App::new().wrap(ContextMiddleware::new().trust(proxies)).route("/projects/{id}", route());
    let with_context = system.block_on(init_service(app));
    let mut group = criterion.benchmark_group("actix request");
    group.bench_function("bare", |bench| {
        let answered = |request| black_box(system.block_on(bare.call(request)).is_ok());
        bench.iter_batched(|| request().to_request(), answered, BatchSize::SmallInput);
    });
    group.bench_function("context", |bench| {
        let answered = |request| black_box(system.block_on(with_context.call(request)).is_ok());
        bench.iter_batched(|| request().to_request(), answered, BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, context_time);
criterion_main!(benches);
