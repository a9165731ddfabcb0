//! How fast a log in PostgreSQL is verified whose batches are signed and sealed, and whose checkpoints are signed.

use std::time::{Duration, Instant};

use audit_core::Auditor;
use audit_core::signing::{Signer as _, SigningKey, TrustedKeys};
use audit_core::store::Schema;
use audit_core::verify::Verifier;
use serde_json::json;

use crate::figures::Figures;
use crate::findings::Findings;
use crate::postgres::{Durability, Server};
use crate::rounds::Rounds;
use crate::writing::store;

/// Entries by themselves.
pub const ROWS: u64 = 1_000_000;
/// How often by itself.
pub const ROUNDS: usize = 5;
const AT_MOST: Duration = Duration::from_mins(5);
const SOON: Duration = Duration::from_mins(1);
const WAY: &str = "verify";

/// Stores entries and verifies them as often as there are rounds. Prints a table.
///
/// # Panics
///
/// When the log is not intact.
pub async fn run(rows: u64, rounds: usize) -> Findings {
    let server = Server::tuned(Durability::Off).await;
    let database = server.database().await;
    let log = SigningKey::generate("log").expect("a name");
    let signer = SigningKey::generate("writer").expect("a name");
    let writer = || Auditor::builder().url(database.url()).signer(signer.clone()).checkpoint_signer(log.clone());
    writer().start().await.expect("the writer starts").shutdown(SOON).await;
    store(writer(), rows).await;
    database.execute("VACUUM (FREEZE, ANALYZE) control_plane.audit_logs").await;

    let keys = format!("log {}\nwriter {}", log.verifying_key(), signer.verifying_key());
    let keys: TrustedKeys = keys.parse().expect("keys");
    let mut rates = Figures::new(WAY, "entries/s");
    let mut batches = 0;
    for _ in Rounds::new(rounds, AT_MOST) {
        let began = Instant::now();
        let report = Verifier::new(&database.url(), &Schema::default()).trusting(keys.clone()).run(|_| ()).await;
        let report = report.expect("the log is read");
        assert!(report.is_intact(), "{:?}", report.breaks);
        batches = report.batches;
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
        rates.add(WAY, report.entries as f64 / began.elapsed().as_secs_f64());
    }
    println!("{rows} entries in {batches} batches, the median of the rounds\n{rates}");
    Findings::new("verify", json!({ "rows": rows, "batches": batches, "rates": rates.json() }))
        .measured("verify", rates.median(WAY))
}
