//! What evidence costs: entries per second into PostgreSQL with batches signed, sealed and stated in signed checkpoints, beside
//! the same with none of that, in turns, in one run; and how fast all of it is verified. One server with fsync.
//!
//! `cargo bench -p tests --bench evidence`

use std::time::{Duration, Instant};

use audit_core::Auditor;
use audit_core::seal::Seal;
use audit_core::signing::{Signer as _, SigningKey, TrustedKeys};
use audit_core::store::Schema;
use audit_core::verify::Verifier;
use tests::postgres::{Durability, Server};
use tests::writing::store;
use tokio::runtime::Runtime;

const ROUNDS: usize = 7;
const CALLS: u64 = 100_000;
const SOON: Duration = Duration::from_mins(1);

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let server = Server::start(Durability::On);
    runtime.block_on(async {
        let log = SigningKey::generate("log").expect("a name");
        let writer = SigningKey::generate("writer").expect("a name");
        let (without, with) = (server.database().await, server.database().await);
        let plain = || Auditor::builder().url(without.url()).seal(Seal::Leave);
        let full = || Auditor::builder().url(with.url()).signer(writer.clone()).checkpoint_signer(log.clone());
        for builder in [plain(), full()] {
            builder.start().await.expect("the writer starts").shutdown(SOON).await;
        }
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let (plain, full) = (store(plain(), CALLS).await.rate, store(full(), CALLS).await.rate);
            println!(
                "without {plain:>8.0} entries/s   signed and sealed {full:>8.0} entries/s   ratio {:.3}",
                full / plain
            );
            ratios.push(full / plain);
        }
        ratios.sort_by(f64::total_cmp);
        println!("median of {ROUNDS} rounds: {:.3} (at least 0.9 is asked for)", ratios[ROUNDS / 2]);

        let keys = format!("log {}\nwriter {}", log.verifying_key(), writer.verifying_key());
        let keys: TrustedKeys = keys.parse().expect("keys");
        for _ in 0..3 {
            let began = Instant::now();
            let report = Verifier::new(&with.url(), &Schema::default()).trusting(keys.clone()).run(|_| ()).await;
            let report = report.expect("the log is read");
            assert!(report.is_intact(), "{:?}", report.breaks);
            let seconds = began.elapsed().as_secs_f64();
            let (entries, batches) = (report.entries, report.batches);
            #[allow(clippy::cast_precision_loss, reason = "a rate needs no more")]
            let rate = entries as f64 / seconds;
            println!("verified {entries} entries in {batches} batches in {seconds:.2} s: {rate:.0} entries/s");
        }
    });
}
