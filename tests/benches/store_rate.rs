//! Entries per second into PostgreSQL: one INSERT per call on one connection, as the request path of most services
//! does it, beside the writer with everything on (hashing, header, guards, partitions). Both in one run, on one
//! server with fsync, into the same table. Ratios count, not figures.
//!
//! `cargo bench -p tests --bench store_rate`

use std::time::{Duration, Instant};

use audit_core::Auditor;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use sqlx::{Connection as _, PgConnection};
use tests::postgres::{Durability, Server};
use tests::traffic::{self, TASKS, USER_AGENT, metadata};
use tokio::runtime::Runtime;

/// Calls that are timed together, each way; the writer's so many that its batches are full and its linger does not show.
const INSERTS: u64 = 300;
const CALLS: u64 = 40_000;
const SOON: Duration = Duration::from_mins(1);

fn compare(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let server = Server::start(Durability::On);
    let database = runtime.block_on(server.database());
    let writer = runtime.block_on(Auditor::builder().url(database.url()).start()).expect("the writer starts");

    let mut group = criterion.benchmark_group("postgres");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(1));
    group.throughput(Throughput::Elements(INSERTS)).bench_function("one INSERT per call, one connection", |bencher| {
        bencher.iter_custom(|rounds| runtime.block_on(insert_each(&database.url(), rounds * INSERTS)));
    });
    group.throughput(Throughput::Elements(CALLS)).bench_function("the writer, 64 tasks", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let calls = rounds * CALLS;
                let began = Instant::now();
                traffic::record(writer.auditor(), calls).await;
                writer.flush(SOON).await.expect("the store keeps up");
                began.elapsed()
            })
        });
    });
    group.finish();
    assert_eq!(runtime.block_on(writer.shutdown(SOON)).stats.dropped, 0);
}

async fn insert_each(url: &str, calls: u64) -> Duration {
    let mut connection = PgConnection::connect(url).await.expect("the server takes connections");
    let began = Instant::now();
    for call in 0..calls {
        sqlx::query(
            "INSERT INTO control_plane.audit_logs (id, created_at, stream_id, seq, actor_type, outcome, actor_id, action,
                 target_type, target_id, metadata, ip_address, user_agent)
             VALUES (gen_random_uuid(), now(), '00000000-0000-0000-0000-000000000000', 0, 'user', 'success', $1,
                 'project.renamed', 'project', $2, $3, '192.168.1.1', $4)",
        )
        .bind(format!("user_{}", call % TASKS as u64))
        .bind(format!("proj_{call}"))
        .bind(metadata())
        .bind(USER_AGENT)
        .execute(&mut connection)
        .await
        .expect("the row is inserted");
    }
    began.elapsed()
}

criterion_group!(benches, compare);
criterion_main!(benches);
