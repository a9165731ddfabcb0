//! The run: disturbances, recovery, judgement.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::disturbance::Disturbance;
use crate::dice::Dice;
use crate::oracle::{Log, Verdict};
use crate::postgres::{Database, Durability, Server};
use crate::preload::Faults;
use crate::proxy::{Direction, Manner, Proxy};
use crate::recovery;
use crate::victim::{Acks, Contract, Orders, Victim};

/// A disturbance lasts at most so many ms.
const LASTS: u64 = 2_000;
/// The pause after one is at most so many ms.
const PAUSE: u64 = 500;
const WRITERS: &str = "FROM pg_stat_activity WHERE application_name LIKE 'audit-writer%'";

/// What a run is like.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long it goes on.
    pub time: Duration,
    /// Gives the order of disturbances.
    pub seed: u64,
    /// The program with the subcommand `victim`.
    pub program: PathBuf,
}

/// Runs, printing each step; gives back what the oracle says.
pub async fn run(options: &Options) -> Verdict {
    let server = Server::start(Durability::Off);
    let database = server.database().await;
    let mut chaos = Chaos::begin(options, &server, &database);
    let begun = Instant::now();
    let mut counts = 0;
    while begun.elapsed() < options.time {
        let disturbance = chaos.dice.pick(&Disturbance::ALL);
        println!("{:7.1} s  {:7} acknowledged  {disturbance}", begun.elapsed().as_secs_f32(), chaos.acknowledged());
        chaos.disturb(disturbance).await;
        counts += 1;
    }
    println!(
        "{:7.1} s  {:7} acknowledged  the end, after {counts} disturbances",
        begun.elapsed().as_secs_f32(),
        chaos.acknowledged()
    );
    chaos.recover().await;
    let orders = chaos.orders();
    Log::read(&database.url()).await.judge_with(&Acks::read(&orders.acks), &Acks::read(&orders.withdrawn()))
}

struct Chaos<'s> {
    dice: Dice,
    folder: TempDir,
    program: PathBuf,
    server: &'s Server,
    database: &'s Database<'s>,
    proxy: Proxy,
    faults: Faults,
    /// `None` only between two of them.
    victim: Option<Victim>,
}

impl<'s> Chaos<'s> {
    fn begin(options: &Options, server: &'s Server, database: &'s Database<'s>) -> Self {
        let folder = tempfile::Builder::new().prefix("audit-chaos-").tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("journal")).expect("a new folder");
        let mut chaos = Self {
            dice: Dice::new(options.seed),
            program: options.program.clone(),
            server,
            database,
            proxy: Proxy::before(server.port(), Manner::Pass),
            faults: Faults::below(&folder.path().join("journal")),
            victim: None,
            folder,
        };
        chaos.start_victim();
        chaos
    }

    fn acks(&self) -> PathBuf {
        self.folder.path().join("acknowledged")
    }

    fn acknowledged(&self) -> usize {
        Acks::read(&self.acks()).len()
    }

    fn orders(&self) -> Orders {
        let mut orders = Orders::new(self.proxy.url(&self.database.url()), self.acks());
        orders.journal = Some(self.folder.path().join("journal"));
        orders
    }

    fn start_victim(&mut self) {
        let mut orders = self.orders();
        orders.contract = self.dice.pick(&[Contract::Durable, Contract::Before, Contract::Tx]);
        orders.deadline = 500;
        self.victim = Some(Victim::start(&self.program, &orders, Some(&self.faults)));
    }

    async fn disturb(&mut self, disturbance: Disturbance) {
        match disturbance {
            Disturbance::KillProgram => {
                self.kill_victim();
                self.start_victim();
            }
            Disturbance::EndProgramInSilence => {
                self.proxy.all(Manner::Silent(Direction::Both));
                self.last();
                let ended = self.victim.take().map(Victim::terminate);
                assert_eq!(ended.map(|ended| ended.get("lost")), Some(0), "the journal had room for all");
                self.proxy.all(Manner::Pass);
                self.start_victim();
            }
            Disturbance::StopServer | Disturbance::KillServer => {
                let end = if disturbance == Disturbance::KillServer { Server::kill } else { Server::stop };
                end(self.server);
                self.last();
                self.server.start_again();
            }
            Disturbance::TerminateSessions => {
                let until = Instant::now() + self.dice.millis(LASTS);
                while Instant::now() < until {
                    self.database.execute(&format!("SELECT pg_terminate_backend(pid) {WRITERS}")).await;
                }
            }
            Disturbance::Network(manner) => {
                self.proxy.all(manner);
                self.last();
                self.proxy.all(Manner::Pass);
            }
            Disturbance::ResetConnections => self.proxy.reset(),
            Disturbance::KillProgramBehind(manner) => {
                self.proxy.all(manner);
                self.last();
                self.kill_victim();
                self.proxy.all(Manner::Pass);
                self.start_victim();
            }
            Disturbance::FullJournalDisk => self.away(Faults::fill_disk),
            Disturbance::FailingSync => self.away(Faults::fail_syncs),
            Disturbance::SlowSync(millis) => self.away(|faults| faults.slow_syncs(Duration::from_millis(millis))),
            Disturbance::StepClock(seconds) => {
                self.faults.step_clock(seconds);
                self.last();
                self.faults.end();
            }
            Disturbance::Peace => self.last(),
        }
        thread::sleep(self.dice.millis(PAUSE));
    }

    /// The server is away, so that everything goes to the journal, and that has a fault.
    fn away(&mut self, fault: impl FnOnce(&Faults)) {
        self.proxy.future(Manner::Refuse);
        self.proxy.reset();
        thread::sleep(self.dice.millis(PAUSE));
        fault(&self.faults);
        self.last();
        self.faults.end();
        thread::sleep(self.dice.millis(PAUSE));
        self.proxy.all(Manner::Pass);
    }

    fn last(&mut self) {
        thread::sleep(self.dice.millis(LASTS));
    }

    fn kill_victim(&mut self) {
        if let Some(victim) = self.victim.take() {
            victim.kill();
        }
    }

    /// Ends the last victim, and has a writer store what all of them left behind.
    async fn recover(&mut self) {
        self.faults.end();
        self.proxy.all(Manner::Pass);
        if let Some(victim) = self.victim.take() {
            let _ = victim.end();
        }
        let stats = recovery::recover(&self.database.url(), &self.folder.path().join("journal")).await;
        println!("the last program adopted {} entries and stored {}", stats.adopted, stats.stored);
    }
}
