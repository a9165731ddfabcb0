//! How many entries a second reach the store, beside other ways to bring the same rows into PostgreSQL, in turns, in one run.
//!
//! The writer has everything on: hashes, headers, guards, partitions, sealing, and timestamps of now. The other ways fill the
//! seed's table: ten columns, six indexes and a primary key, no partitions, with rows that the writer has stored.

mod ours;
mod seed;
mod sqlite;

use audit_core::migrate::{Options, migrate};
use audit_core::{Auditor, Builder};
use serde_json::{Value, json};

pub use self::ours::{Measured, store};
use self::seed::Seed;
use crate::figures::{self, Figures};
use crate::postgres::{Database, Durability, Server};

/// Of the seed's table.
const COLUMNS: &str =
    "id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, created_at";

/// What the writer is measured by: the other ways are told as parts of it.
const OURS: &str = "the writer, one lane";

/// Measures every way in turns, as often as there are rounds. Prints a table, and gives back its figures.
///
/// # Panics
///
/// When an entry is lost.
pub async fn run(rows: u64, rounds: usize) -> Value {
    let server = Server::start(Durability::On);
    tune(&server).await;
    let mut rates = Figures::new(OURS, "entries/s");
    let (mut micros, mut bytes) = (Vec::new(), None);
    for round in 0..rounds {
        // A log cannot be emptied: each measure has a new one.
        let (one, two) = (log(&server).await, log(&server).await);
        let measured = store(writer(&one.url(), 1), rows).await;
        rates.add(OURS, measured.rate);
        micros.push(measured.cpu_micros);
        rates.add("the writer, two lanes", store(writer(&two.url(), 2), rows).await.rate);

        let seed = Seed::of(&one).await;
        rates.add("server-side COPY from a file", seed.copy_from_file().await);
        rates.add("COPY BINARY by hand, 5,000", seed.copy_binary(5_000).await);
        rates.add("UNNEST by hand, 2,000", seed.unnest(2_000).await);
        rates.add("one INSERT per call, 16 connections", seed.insert_each(16).await);
        rates.add("one INSERT per call, 1 connection", seed.insert_each(1).await);
        if bytes.is_none() {
            bytes = Some((bytes_of_log(&one).await, seed.bytes().await));
        }
        println!("round {} of {rounds}", round + 1);
    }
    let (log_bytes, seed_bytes) = bytes.unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more")]
    let ratio = log_bytes as f64 / seed_bytes.max(1) as f64;
    println!("{rows} entries each way, the median of {rounds} rounds\n{rates}");
    let micros = figures::median(&mut micros);
    println!("CPU of this process for an entry, the call and its making included: {micros:.2} µs");
    println!("on disk: {} bytes an entry, {:.2} × the seed's table", log_bytes / rows.cast_signed().max(1), ratio);
    let file = sqlite::run(rows / 2, rounds).await;
    println!("\nSQLite, {} entries each way\n{file}", rows / 2);
    json!({
        "bench": "writing", "rows": rows, "rounds": rounds, "rates": rates.json(), "cpu_micros": micros,
        "bytes": log_bytes, "seed_bytes": seed_bytes, "sqlite": file.json(),
    })
}

/// The settings of a server that has this machine for itself.
async fn tune(server: &Server) {
    let database = server.database().await;
    for setting in ["shared_buffers = '1GB'", "max_wal_size = '4GB'", "autovacuum = off"] {
        database.execute(&format!("ALTER SYSTEM SET {setting}")).await;
    }
    server.stop();
    server.start_again();
}

/// The seed's six.
fn indexes(table: &str) -> String {
    [
        ("actor_id", "actor_id"),
        ("target_id", "target_id"),
        ("created_at", "created_at DESC"),
        ("actor_created", "actor_id, created_at DESC"),
        ("target_created", "target_id, created_at DESC"),
        ("action", "action"),
    ]
    .map(|(name, columns)| format!("CREATE INDEX idx_audit_logs_{name} ON {table} ({columns});"))
    .concat()
}

fn writer(url: &str, lanes: usize) -> Builder {
    Auditor::builder().url(url).lanes(lanes)
}

async fn log(server: &Server) -> Database<'_> {
    let database = server.database().await;
    migrate(&database.url(), &Options::new()).await.expect("the database is new");
    database
}

async fn bytes_of_log(log: &Database<'_>) -> i64 {
    log.value(
        "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'control_plane.audit_logs'::regclass",
    )
    .await
}
