//! How many entries a second reach the store, beside other ways to bring the same rows into PostgreSQL, in turns, in one run.
//!
//! The writer has everything on: hashes, headers, guards, partitions, sealing, and timestamps of now. The other ways fill the
//! seed's table: ten columns, six indexes and a primary key, no partitions, with rows that the writer has stored.

mod ours;
mod seed;
mod sqlite;

use std::time::Duration;

use audit_core::migrate::{Options, migrate};
use audit_core::{Auditor, Builder};
use serde_json::json;

pub use self::ours::{Measured, store, store_with};
use self::seed::Seed;
pub(crate) use self::seed::TABLE as SEED_TABLE;
use crate::figures::{self, Figures};
use crate::findings::Findings;
use crate::postgres::{Database, Durability, Server};
use crate::rounds::Rounds;

/// Of the seed's table.
pub(crate) const COLUMNS: &str =
    "id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, created_at";

/// Entries by themselves, each way and round.
pub const ROWS: u64 = 200_000;
/// How often by itself.
pub const ROUNDS: usize = 5;
const AT_MOST: Duration = Duration::from_mins(10);

/// What the writer is measured by: the other ways are told as parts of it.
const OURS: &str = "the writer, one lane";
const TWO_LANES: &str = "the writer, two lanes";
const COPY_FROM_FILE: &str = "server-side COPY from a file";
const INSERTS: &str = "one INSERT per call, 1 connection";
const INSERTS_OVER_16: &str = "one INSERT per call, 16 connections";

/// Measures every way in turns, as often as there are rounds. Prints a table, and gives back its figures.
///
/// # Panics
///
/// When an entry is lost.
pub async fn run(rows: u64, rounds: usize) -> Findings {
    let server = Server::tuned(Durability::On).await;
    let mut rates = Figures::new(OURS, "entries/s");
    let (mut micros, mut bytes) = (Vec::new(), None);
    for round in Rounds::new(rounds, AT_MOST) {
        // A log cannot be emptied: each measure has a new one.
        let (one, two) = (log(&server).await, log(&server).await);
        let measured = store(writer(&one.url(), 1), rows).await;
        rates.add(OURS, measured.rate);
        micros.push(measured.cpu_micros);
        rates.add(TWO_LANES, store(writer(&two.url(), 2), rows).await.rate);

        let seed = Seed::of(&one).await;
        rates.add(COPY_FROM_FILE, seed.copy_from_file().await);
        rates.add("COPY BINARY by hand, 5,000", seed.copy_binary(5_000).await);
        rates.add("UNNEST by hand, 2,000", seed.unnest(2_000).await);
        rates.add(INSERTS_OVER_16, seed.insert_each(16).await);
        rates.add(INSERTS, seed.insert_each(1).await);
        if bytes.is_none() {
            bytes = Some((bytes_of_log(&one).await, seed.bytes().await));
        }
        println!("round {round} of {rounds}");
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
    let figures = json!({
        "rows": rows, "rates": rates.json(), "cpu_micros": micros, "bytes": log_bytes, "seed_bytes": seed_bytes,
        "sqlite": file.json(),
    });
    Findings::new("writing", figures)
        .measured("store, COPY", rates.first_by(COPY_FROM_FILE))
        .measured("store, INSERT", rates.first_by(INSERTS))
        .measured("store, INSERT over 16", rates.first_by(INSERTS_OVER_16))
        .measured("lanes", 1.0 / rates.first_by(TWO_LANES))
        .measured("SQLite", file.first_by(sqlite::BY_VARIABLES).min(file.first_by(sqlite::BY_JSON)))
        .measured("client CPU", micros)
        .measured("bytes", ratio)
}

/// The seed's six.
pub(crate) fn indexes(table: &str) -> String {
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

pub(crate) fn writer(url: &str, lanes: usize) -> Builder {
    Auditor::builder().url(url).lanes(lanes)
}

pub(crate) async fn log(server: &Server) -> Database<'_> {
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
