//! What evidence costs: entries per second into PostgreSQL with batches signed, sealed and stated in signed checkpoints, beside
//! the same with none of that, in turns, in one run, on one server with fsync.

use std::time::Duration;

use audit_core::Auditor;
use audit_core::seal::Seal;
use audit_core::signing::SigningKey;
use serde_json::json;

use crate::figures::Figures;
use crate::findings::Findings;
use crate::postgres::{Durability, Server};
use crate::rounds::Rounds;
use crate::writing::store;

/// Entries by themselves, each way and round.
pub const ROWS: u64 = 100_000;
/// How often by itself.
pub const ROUNDS: usize = 7;
const AT_MOST: Duration = Duration::from_mins(5);
const SOON: Duration = Duration::from_mins(1);
const FULL: &str = "signed and sealed";
const PLAIN: &str = "neither";

/// Stores entries in both ways in turns, as often as there are rounds. Prints a table.
///
/// # Panics
///
/// When an entry is lost.
pub async fn run(rows: u64, rounds: usize) -> Findings {
    let server = Server::tuned(Durability::On).await;
    let log = SigningKey::generate("log").expect("a name");
    let writer = SigningKey::generate("writer").expect("a name");
    let (without, with) = (server.database().await, server.database().await);
    let plain = || Auditor::builder().url(without.url()).seal(Seal::Leave);
    let full = || Auditor::builder().url(with.url()).signer(writer.clone()).checkpoint_signer(log.clone());
    for builder in [plain(), full()] {
        builder.start().await.expect("the writer starts").shutdown(SOON).await;
    }
    let mut rates = Figures::new(FULL, "entries/s");
    for _ in Rounds::new(rounds, AT_MOST) {
        rates.add(FULL, store(full(), rows).await.rate);
        rates.add(PLAIN, store(plain(), rows).await.rate);
    }
    println!("{rows} entries each way, the median of the rounds; at least 0.9 is asked for\n{rates}");
    Findings::new("evidence", json!({ "rows": rows, "rates": rates.json() }))
}
