//! What durability costs: a durable call beside a bare PostgreSQL commit of one row, and durable calls from many tasks
//! beside queued ones. All in one run and interleaved, on one server with fsync. Ratios count, not figures.
//!
//! `cargo bench -p tests --bench durable`

use std::time::{Duration, Instant};

use audit_core::{ActionName, Actor, Auditor, Durability, Entry, WriterGuard};
use sqlx::{Connection as _, PgConnection};
use tests::postgres::{Durability as Fsync, Server};
use tokio::runtime::Runtime;

const ROUNDS: u32 = 20;
/// One after the other, each way and round.
const CALLS: usize = 50;
const TASKS: u32 = 64;
/// Calls of all tasks together, each way and round.
const TOGETHER: u32 = 20_000;
const SOON: Duration = Duration::from_mins(1);

fn entry() -> Entry {
    let action = ActionName::unlisted("project.renamed").expect("a well-formed name");
    Entry::builder(action).target_id("proj_456").actor(Actor::user("user_123")).metadata("name", "New name").build()
}

fn main() {
    Runtime::new().expect("a runtime").block_on(compare());
}

async fn compare() {
    let server = Server::start(Fsync::On);
    let database = server.database().await;
    let journal = tempfile::tempdir().expect("a temporary folder");
    let writer =
        Auditor::builder().url(database.url()).journal(journal.path()).start().await.expect("the writer starts");
    let mut connection = database.connect().await;
    let table = "CREATE TABLE bare (id uuid PRIMARY KEY, at timestamptz NOT NULL, who text, what text, metadata jsonb)";
    database.execute(table).await;

    let (mut bare, mut durable) = (Vec::new(), Vec::new());
    let (mut queued_together, mut durable_together) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        commit_each(&mut connection, &mut bare).await;
        record_each(&writer, &mut durable).await;
        queued_together += together(&writer, Durability::Queued).await;
        durable_together += together(&writer, Durability::Durable).await;
    }
    let (bare, durable) = (median(bare), median(durable));
    println!(
        "one row, one caller, p50    bare commit {bare:?}, durable call {durable:?}: {:.2} ×",
        ratio(durable, bare)
    );
    let rate = |time: Duration| f64::from(ROUNDS * TOGETHER) / time.as_secs_f64();
    let (queued, durable) = (rate(queued_together), rate(durable_together));
    println!(
        "{TASKS} tasks, calls a second    queued {queued:.0}, durable {durable:.0}: {:.2} ×",
        ratio(queued_together, durable_together)
    );
    assert_eq!(writer.shutdown(SOON).await.stats.dropped, 0);
    connection.close().await.expect("the connection is well");
}

/// One INSERT a transaction, as a service would write its own log.
async fn commit_each(connection: &mut PgConnection, times: &mut Vec<Duration>) {
    for _ in 0..CALLS {
        let began = Instant::now();
        sqlx::query(
            "INSERT INTO bare VALUES (gen_random_uuid(), now(), 'user_123', 'project.renamed', '{\"name\": \"New name\"}')",
        )
        .execute(&mut *connection)
        .await
        .expect("the row is inserted");
        times.push(began.elapsed());
    }
}

async fn record_each(writer: &WriterGuard, times: &mut Vec<Duration>) {
    for _ in 0..CALLS {
        let began = Instant::now();
        writer.auditor().record(entry()).durable().await.expect("the store is there");
        times.push(began.elapsed());
    }
}

/// Calls from many tasks, until all of them are stored.
async fn together(writer: &WriterGuard, durability: Durability) -> Duration {
    let began = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let auditor = writer.auditor().clone();
            tokio::spawn(async move {
                for _ in (task..TOGETHER).step_by(TASKS as usize) {
                    auditor.record(entry()).durability(durability).await.expect("the store keeps up");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no task panics");
    }
    writer.flush(SOON).await.expect("the store keeps up");
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn ratio(numerator: Duration, denominator: Duration) -> f64 {
    numerator.as_secs_f64() / denominator.as_secs_f64()
}
