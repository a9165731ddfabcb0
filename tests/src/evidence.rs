//! What evidence costs: entries per second into PostgreSQL with batches signed, sealed and stated in signed checkpoints, beside
//! the same with none of that, and beside the same with as much hashed twice, in turns, in one run, on one server with fsync.
//!
//! Nothing is written without being hashed. What hashing costs is seen from what it costs to hash as much once more, at the
//! same place: while a batch is frozen.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use audit_core::seal::Seal;
use audit_core::signing::{SignError, Signature, Signer, SigningKey, VerifyingKey};
use audit_core::{Auditor, Builder};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::figures::Figures;
use crate::findings::Findings;
use crate::postgres::{Durability, Server};
use crate::rounds::Rounds;
use crate::writing::{store, store_with};

/// Entries by themselves, each way and round.
pub const ROWS: u64 = 200_000;
/// How often by itself.
pub const ROUNDS: usize = 15;
/// Bytes of what is hashed of each row of the traffic (`docs/encoding.md`): for its seven personal fields a salt and a commitment
/// each, its leaf, and its part of the batch's tree.
const HASHED: [usize; 16] = [49, 69, 50, 71, 51, 72, 51, 164, 54, 76, 56, 159, 55, 71, 458, 65];
const LONGEST: usize = 458;
const AT_MOST: Duration = Duration::from_mins(5);
const SOON: Duration = Duration::from_mins(1);
const FULL: &str = "signed and sealed";
const PLAIN: &str = "neither";
const TWICE: &str = "neither, and hashed twice";

/// Stores entries in each way in turns, as often as there are rounds. Prints a table.
///
/// # Panics
///
/// When an entry is lost.
pub async fn run(rows: u64, rounds: usize) -> Findings {
    let server = Server::tuned(Durability::On).await;
    let log = SigningKey::generate("log").expect("a name");
    let writer = SigningKey::generate("writer").expect("a name");
    let (full, plain, twice) = (server.database().await, server.database().await, server.database().await);
    let signed = |builder: Builder| builder.signer(writer.clone()).checkpoint_signer(log.clone());
    let unsealed = |url: String| Auditor::builder().url(url).seal(Seal::Leave);
    for url in [full.url(), plain.url(), twice.url()] {
        unsealed(url).start().await.expect("the writer starts").shutdown(SOON).await;
    }
    let mut rates = Figures::new(PLAIN, "entries/s");
    for _ in Rounds::new(rounds, AT_MOST) {
        rates.add(PLAIN, store(unsealed(plain.url()), rows).await.rate);
        rates.add(FULL, store(signed(Auditor::builder().url(full.url())), rows).await.rate);
        let again = HashingAgain::new(writer.clone());
        let auditor = Arc::clone(&again.auditor);
        let started = |it: &Auditor| auditor.set(it.clone()).expect("it is set once");
        rates.add(TWICE, store_with(unsealed(twice.url()).signer(again), rows, started).await.rate);
    }
    let (sealing, hashing) = (1.0 / rates.first_by(FULL), 1.0 / rates.first_by(TWICE));
    println!(
        "{rows} entries each way, the median of the rounds\n{rates}\n\
         of the rate without either, sealing leaves {sealing:.2} and hashing {hashing:.2}, both {:.2}; at least 0.90 is asked for",
        sealing * hashing
    );
    Findings::new("evidence", json!({ "rows": rows, "rates": rates.json(), "sealing": sealing, "hashing": hashing }))
}

/// A key that, before it signs a batch, hashes as much as was hashed of the batch's rows.
#[derive(Debug)]
struct HashingAgain {
    key: SigningKey,
    auditor: Arc<OnceLock<Auditor>>,
    /// Rows hashed again so far.
    hashed: AtomicU64,
}

impl HashingAgain {
    fn new(key: SigningKey) -> Self {
        Self { key, auditor: Arc::default(), hashed: AtomicU64::new(0) }
    }
}

impl Signer for HashingAgain {
    fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        if let Some(stats) = self.auditor.get().map(Auditor::stats) {
            let taken = stats.emitted - stats.queued;
            let hashed = self.hashed.fetch_max(taken, Ordering::Relaxed);
            for _ in hashed..taken {
                for bytes in HASHED {
                    black_box(Sha256::digest(black_box(&[0; LONGEST][..bytes])));
                }
            }
        }
        self.key.sign(message)
    }
}
