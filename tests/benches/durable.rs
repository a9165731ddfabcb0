//! What durability costs: a durable call beside a bare PostgreSQL commit of one row, and durable calls from many tasks
//! beside queued ones. All in one run and interleaved, on one server with fsync. Ratios count, not figures.
//!
//! Each way to commit one row is a prepared statement in autocommit, from one caller over one connection:
//!
//! - *bare*: a row of five short columns into a table with a primary key and nothing else;
//! - *same row*: a row of the log into a plain table with the log's columns, constraints and indexes;
//! - *landing*: the same row and its batch's header into the log, which is all that a durable call asks of the database;
//! - *durable*: a durable call.
//!
//! `cargo bench -p tests --bench durable`

use std::time::{Duration, Instant, SystemTime};

use audit_core::batch::Freezer;
use audit_core::store::{Connection, PostgresStore, Schema, Store as _};
use audit_core::{ActionName, Actor, Auditor, Durability, Entry, WriterGuard};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tests::postgres::{Durability as Fsync, Server};
use tokio::runtime::Runtime;
use uuid::Uuid;

const ROUNDS: u32 = 40;
const TOGETHER_ROUNDS: u32 = 20;
/// One after the other, each way and round.
const CALLS: usize = 50;
const TASKS: u32 = 64;
/// Calls of all tasks together, each way and round.
const TOGETHER: u32 = 20_000;
const BARE: &str = "INSERT INTO bare VALUES ($1, $2, $3, $4, $5)";
const SAME: &str = "INSERT INTO same (id, created_at, actor_id, action, metadata, stream_id, seq, actor_type, outcome,
                                      target_type, target_id, salt)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
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
    let tables =
        "CREATE TABLE bare (id uuid PRIMARY KEY, at timestamptz NOT NULL, who text, what text, metadata jsonb);
                  CREATE TABLE same (LIKE control_plane.audit_logs INCLUDING ALL)";
    database.execute(tables).await;
    let store = PostgresStore::new(&database.url(), &Schema::default()).expect("a good URL");
    let mut log = store.connect().await.expect("the server is there");
    let mut freezer = Freezer::new();

    let mut each: [Vec<Duration>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let [bare, same, landing, durable] = &mut each;
        commit_each(&mut connection, BARE, bare).await;
        commit_each(&mut connection, SAME, same).await;
        land_each(log.as_mut(), &mut freezer, landing).await;
        record_each(&writer, durable).await;
    }
    println!("one row, one caller       p10         p50   of bare   of same row");
    let each = each.map(Times::of);
    for (name, times) in ["bare", "same row", "landing", "durable"].into_iter().zip(&each) {
        println!(
            "  {name:<10} {:>14.1?} {:>11.1?} {:>7.2} × {:>11.2} ×",
            times.p10,
            times.p50,
            ratio(times.p50, each[0].p50),
            ratio(times.p50, each[1].p50)
        );
    }
    // Afterwards, because what so many entries leave the server to do would be in the way of single ones.
    let (mut queued_together, mut durable_together) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..TOGETHER_ROUNDS {
        queued_together += together(&writer, Durability::Queued).await;
        durable_together += together(&writer, Durability::Durable).await;
    }
    let rate = |time: Duration| f64::from(TOGETHER_ROUNDS * TOGETHER) / time.as_secs_f64();
    let (queued, durable) = (rate(queued_together), rate(durable_together));
    println!(
        "{TASKS} tasks, calls a second    queued {queued:.0}, durable {durable:.0}: {:.2} ×",
        ratio(queued_together, durable_together)
    );
    assert_eq!(writer.shutdown(SOON).await.stats.dropped, 0);
    connection.close().await.expect("the connection is well");
}

/// One INSERT a transaction, as a service would write its own log.
async fn commit_each(connection: &mut PgConnection, sql: &'static str, times: &mut Vec<Duration>) {
    for call in 0..CALLS {
        let (id, salt) = (Uuid::now_v7(), [7_u8; 16]);
        let began = Instant::now();
        let query = sqlx::query(sql)
            .bind(id)
            .bind(chrono::DateTime::<chrono::Utc>::from(SystemTime::now()))
            .bind("user_123")
            .bind("project.renamed");
        let query = query.bind(json!({ "name": "New name" }));
        let query = if sql == SAME {
            let seq = i64::try_from(call).expect("a few calls");
            query.bind(id).bind(seq).bind("user").bind("success").bind("project").bind("proj_456").bind(salt)
        } else {
            query
        };
        query.execute(&mut *connection).await.expect("the row is inserted");
        times.push(began.elapsed());
    }
}

async fn land_each(log: &mut dyn Connection, freezer: &mut Freezer, times: &mut Vec<Duration>) {
    for _ in 0..CALLS {
        let batch = freezer.freeze(vec![entry()], SystemTime::now());
        let began = Instant::now();
        log.land(&batch).await.expect("the batch is stored");
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

struct Times {
    p10: Duration,
    p50: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { p10: times[times.len() / 10], p50: times[times.len() / 2] }
    }
}

fn ratio(numerator: Duration, denominator: Duration) -> f64 {
    numerator.as_secs_f64() / denominator.as_secs_f64()
}
