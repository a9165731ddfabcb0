//! Many writer processes at once, killed at random; then the oracle's verdict, and a look at the whole log.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use audit_core::seal::Sealer;
use audit_core::signing::{Signer as _, SigningKey};
use audit_core::store::Schema;
use audit_core::verify::{Report, Verifier};

use crate::dice::Dice;
use crate::oracle::{Log, Verdict};
use crate::postgres::{Durability, Server};
use crate::recovery;
use crate::victim::{Acks, Contract, Orders, Victim};

/// The pause between two kills is at most so many ms.
const PAUSE: u64 = 400;
/// Steps are printed as often.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// What a run is like.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many writers there are at any time.
    pub processes: usize,
    /// How long they are killed.
    pub time: Duration,
    /// Gives the order of kills.
    pub seed: u64,
    /// The program with the subcommand `victim`.
    pub program: PathBuf,
}

/// Runs, printing how far it is; gives back what the oracle says, and what verifying with the key of the log found.
pub async fn run(options: &Options) -> (Verdict, Report) {
    let server = Server::start(Durability::Off);
    let database = server.database().await;
    let url = database.url();
    let folder = tempfile::Builder::new().prefix("audit-writers-").tempdir().expect("a temporary folder");
    let journal = folder.path().join("journal");
    std::fs::create_dir(&journal).expect("a new folder");
    let mut orders = Orders::new(url.clone(), folder.path().join("acknowledged"));
    orders.journal = Some(journal.clone());
    orders.tasks = 1;

    let mut dice = Dice::new(options.seed);
    let start = |dice: &mut Dice| {
        let mut orders = orders.clone();
        orders.contract = dice.pick(&[Contract::Durable, Contract::Before, Contract::Tx]);
        Victim::start(&options.program, &orders, None)
    };
    let mut victims: Vec<Victim> = (0..options.processes).map(|_| start(&mut dice)).collect();
    let (begun, mut kills, mut said) = (Instant::now(), 0, Duration::ZERO);
    while begun.elapsed() < options.time {
        std::thread::sleep(dice.millis(PAUSE));
        let chosen = dice.below(victims.len());
        victims.swap_remove(chosen).kill();
        victims.push(start(&mut dice));
        kills += 1;
        if begun.elapsed() >= said {
            said = begun.elapsed() + SAY_EVERY;
            println!(
                "{:7.1} s  {kills} kills  {} acknowledged",
                begun.elapsed().as_secs_f32(),
                Acks::read(&orders.acks).len()
            );
        }
    }
    println!("{:7.1} s  the end, after {kills} kills", begun.elapsed().as_secs_f32());
    for victim in victims {
        let _ = victim.terminate();
    }
    let stats = recovery::recover(&url, &journal).await;
    println!("the last writer adopted {} entries and stored {}", stats.adopted, stats.stored);

    let verdict = Log::read(&url).await.judge_with(&Acks::read(&orders.acks), &Acks::read(&orders.withdrawn()));
    let key = SigningKey::generate("writers.test").expect("a name");
    let trusted = format!("log {}", key.verifying_key()).parse().expect("a key");
    let sealer = Sealer::new(&url, &Schema::default()).expect("a URL");
    sealer.signer(key).once().await.expect("nobody else seals");
    let report = Verifier::new(&url, &Schema::default()).trusting(trusted).run(|_| ()).await.expect("the log is read");
    (verdict, report)
}
