//! What durability costs: a durable call beside a bare PostgreSQL commit of one row, and durable calls from many tasks
//! beside queued ones. All in one run and interleaved, on one server with fsync. Ratios count, not figures.
//!
//! Each way to commit one row is a prepared statement in autocommit, from one caller over one connection:
//!
//! - *bare*: a row of five short columns into a table with a primary key and nothing else;
//! - *same row*: a row of the log into a plain table with the log's columns, constraints and indexes;
//! - *landing*: the same row and its batch's header into the log, which is all that a durable call asks of the database;
//! - *durable*: a durable call.

use std::time::{Duration, Instant, SystemTime};

use audit_core::batch::Freezer;
use audit_core::store::{Connection, PostgresStore, Schema, Store as _};
use audit_core::{ActionName, Actor, Auditor, Durability, Entry, WriterGuard};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::figures::{Figures, percentile};
use crate::findings::Findings;
use crate::plot::{Plot, Spans};
use crate::postgres::{Durability as Fsync, Server};
use crate::rounds::Rounds;

/// How often by itself.
pub const ROUNDS: usize = 40;
const AT_MOST: Duration = Duration::from_mins(3);
/// One after the other, each way and round.
const CALLS: usize = 50;
const WAYS: [&str; 4] = ["bare", "same row", "landing", "durable"];
const QUEUED: &str = "queued";
const DURABLE: &str = "durable";
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

/// Commits in each way in turns, as often as there are rounds. Prints tables.
///
/// # Panics
///
/// When an entry is lost.
pub async fn run(rounds: usize) -> Findings {
    let server = Server::tuned(Fsync::On).await;
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
    for _ in Rounds::new(rounds, AT_MOST) {
        let [bare, same, landing, durable] = &mut each;
        commit_each(&mut connection, BARE, bare).await;
        commit_each(&mut connection, SAME, same).await;
        land_each(log.as_mut(), &mut freezer, landing).await;
        record_each(&writer, durable).await;
    }
    let each = each.map(Times::of);
    tell(&each);
    // Afterwards, because what so many entries leave the server to do would be in the way of single ones.
    let mut rates = Figures::new(QUEUED, "entries/s");
    for _ in Rounds::new(rounds.div_ceil(2), AT_MOST) {
        for (way, durability) in [(QUEUED, Durability::Queued), (DURABLE, Durability::Durable)] {
            rates.add(way, f64::from(TOGETHER) / together(&writer, durability).await.as_secs_f64());
        }
    }
    println!("\n{TOGETHER} calls from {TASKS} tasks each way, the median of the rounds\n{rates}");
    assert_eq!(writer.shutdown(SOON).await.stats.dropped, 0);
    connection.close().await.expect("the connection is well");

    let times: Vec<_> = WAYS.iter().zip(&each).map(|(name, times)| times.json(name)).collect();
    let rows = WAYS.iter().zip(&each).map(|(name, times)| ((*name).to_owned(), times.all().map(Some).to_vec()));
    let plot = Spans {
        title: "One row committed, one caller".to_owned(),
        unit: "µs",
        dots: Times::NAMES.to_vec(),
        rows: rows.collect(),
    };
    Findings::new("durable", json!({ "calls": CALLS, "times": times, "together": rates.json() }))
        .measured("durable, one task", each[3].p50 / each[0].p50)
        .measured("durable, 64 tasks", 1.0 / rates.first_by(DURABLE))
        .plot(Plot::Spans(plot))
}

fn tell(each: &[Times; 4]) {
    println!("{:<24} {:>8} {:>8} {:>8} {:>8}   p50 of bare, of same row", "one caller, µs", "p10", "p50", "p90", "p99");
    for (name, times) in WAYS.iter().zip(each) {
        let [p10, p50, p90, p99] = times.all();
        let (bare, same) = (p50 / each[0].p50, p50 / each[1].p50);
        println!("{name:<24} {p10:>8.0} {p50:>8.0} {p90:>8.0} {p99:>8.0}   {bare:.2} ×, {same:.2} ×");
    }
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

/// Percentiles, in µs.
#[derive(Debug)]
struct Times {
    p10: f64,
    p50: f64,
    p90: f64,
    p99: f64,
}

impl Times {
    const NAMES: [&str; 4] = ["p10", "p50", "p90", "p99"];

    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let times: Vec<_> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
        let at = |part| percentile(&times, part);
        Self { p10: at(0.1), p50: at(0.5), p90: at(0.9), p99: at(0.99) }
    }

    fn all(&self) -> [f64; 4] {
        [self.p10, self.p50, self.p90, self.p99]
    }

    fn json(&self, name: &str) -> Value {
        json!({ "way": name, "p10_us": self.p10, "p50_us": self.p50, "p90_us": self.p90, "p99_us": self.p99 })
    }
}
