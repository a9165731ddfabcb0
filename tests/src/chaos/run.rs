//! The run: disturbances, recovery, judgement.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use audit_core::migrate;
use tempfile::TempDir;

use super::damage::Damage;
use super::disturbance::Disturbance;
use super::trouble::{self, Lasting, Trouble};
use crate::dice::Dice;
use crate::disk::Disk;
use crate::journals::{frames, segments};
use crate::oracle::{Calls, Log, Verdict};
use crate::postgres::{Database, Durability, Server};
use crate::preload::Faults;
use crate::proxy::{Direction, Manner, Proxy};
use crate::recovery;
use crate::victim::{Acks, Contract, Orders, Victim};

/// A disturbance lasts at most so many ms.
const LASTS: u64 = 2_000;
/// The pause after one is at most so many ms.
const PAUSE: u64 = 500;
/// Of so many steps of a writer that panics, in one it does.
const PANICS: u64 = 50;
/// A writer that has panicked stores so many batches yet: many more than lie between two panics.
const GOES_ON: i64 = 200;
/// How long that may take.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);
/// A clock steps by less than as many days ahead, for which partitions are made, or behind.
const DAYS: (i32, i32) = (14, 100);
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
    let disk = Disk::by_preload();
    let server = Server::start_under(Durability::Off, disk.faults());
    let database = server.database_in_folder(disk.path()).await;
    migrate::migrate(&database.url(), &migrate::Options::new()).await.expect("an empty database");
    trouble::partition_by_day(&database).await;
    let mut chaos = Chaos::begin(options, &server, &database, &disk);
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
    let log =
        Log::read(&database.url()).await.after_damage(chaos.damage.iter().map(|one| one.record.clone()).collect());
    let mut verdict = log.judge_with(&Acks::read(&orders.acks), &Acks::read(&orders.withdrawn()));
    verdict.faults.extend(chaos.not_in_quarantine());
    log.judge_calls(&Calls { ended: Acks::read(&orders.ended()), ran: Acks::read(&orders.ran()) }, verdict)
}

struct Chaos<'s> {
    dice: Dice,
    folder: TempDir,
    program: PathBuf,
    server: &'s Server,
    database: &'s Database<'s>,
    proxy: Proxy,
    /// Of the program.
    faults: Faults,
    /// Of the server's disk.
    disk: &'s Disk,
    /// `None` only between two of them.
    victim: Option<Victim>,
    /// Files of the journal whose last record was torn.
    torn: HashSet<PathBuf>,
    /// Records of the journal that were damaged; in one file, one.
    damage: Vec<Damage>,
}

impl<'s> Chaos<'s> {
    fn begin(options: &Options, server: &'s Server, database: &'s Database<'s>, disk: &'s Disk) -> Self {
        let folder = tempfile::Builder::new().prefix("audit-chaos-").tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("journal")).expect("a new folder");
        let mut chaos = Self {
            dice: Dice::new(options.seed),
            program: options.program.clone(),
            server,
            database,
            proxy: Proxy::before(server.port(), Manner::Pass),
            faults: Faults::below(&folder.path().join("journal")),
            disk,
            victim: None,
            torn: HashSet::new(),
            damage: Vec::new(),
            folder,
        };
        chaos.start_victim();
        chaos
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn acks(&self) -> PathBuf {
        self.folder.path().join("acknowledged")
    }

    /// Entries and calls.
    fn acknowledged(&self) -> usize {
        let orders = self.orders();
        Acks::read(&orders.acks).len() + Acks::read(&orders.ended()).len()
    }

    fn orders(&self) -> Orders {
        let mut orders = Orders::new(self.proxy.url(&self.database.url()), self.acks());
        orders.journal = Some(self.journal());
        orders
    }

    fn start_victim(&mut self) {
        self.start_victim_with(&[Contract::Durable, Contract::Before, Contract::Tx, Contract::Calls], 0);
    }

    fn start_victim_with(&mut self, contracts: &[Contract], panics: u64) {
        let mut orders = self.orders();
        orders.contract = self.dice.pick(contracts);
        orders.panics = panics;
        orders.deadline = 500;
        // Few entries go to the store at once, many by way of the journal.
        orders.tasks = self.dice.pick(&[2, 4, Orders::TASKS]);
        // Only the longer one lets the server's own limits end a wait.
        orders.store_timeout = self.dice.pick(&[1_000, 1_000, 15_000]);
        orders.seed = self.dice.below(1_000) as u64;
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
                if let Some(ended) = self.victim.take().map(Victim::terminate) {
                    let left_behind = ended.get("lost") - ended.get("damaged");
                    assert_eq!(left_behind, 0, "the journal had room for all: {ended:?}");
                }
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
            Disturbance::CancelStatements => {
                let until = Instant::now() + self.dice.millis(LASTS);
                while Instant::now() < until {
                    self.database.execute(&format!("SELECT pg_cancel_backend(pid) {WRITERS}")).await;
                }
            }
            Disturbance::Database(trouble) => {
                let lasting = Lasting::begin(trouble, self.database, self.disk).await;
                self.last_for(trouble);
                lasting.end().await;
            }
            Disturbance::KillProgramDuring(trouble) => {
                let lasting = Lasting::begin(trouble, self.database, self.disk).await;
                self.last_for(trouble);
                self.kill_victim();
                self.start_victim();
                self.last_for(trouble);
                lasting.end().await;
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
            Disturbance::MissingPartition => {
                let (ahead, behind) = DAYS;
                let days = self.dice.below(usize::try_from(ahead + behind).expect("days"));
                let days = i32::try_from(days).expect("days") - behind;
                trouble::forget_partition(self.database, days).await;
                self.faults.step_clock(days * 86_400);
                self.last();
                self.faults.end();
            }
            Disturbance::TearJournal => self.tear_journal(),
            Disturbance::DamageJournal => self.damage_journal(),
            Disturbance::PanicWriter => {
                self.kill_victim();
                // A store of one's own has no outbox.
                self.start_victim_with(&[Contract::Durable, Contract::Before, Contract::Calls], PANICS);
                self.stores(GOES_ON).await;
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

    /// The program dies while it writes to its journal: behind what it was told is on the disk, there is the beginning of
    /// a record that nobody was told of.
    fn tear_journal(&mut self) {
        self.proxy.future(Manner::Refuse);
        self.proxy.reset();
        self.last();
        self.kill_victim();
        for path in self.last_segments() {
            let bytes = fs::read(&path).expect("nobody else has it");
            let Some(frame) = frames(&bytes).last().map(|at| &bytes[*at..]) else { continue };
            let torn = 1 + self.dice.below(frame.len() - 1);
            let mut file = OpenOptions::new().append(true).open(&path).expect("nobody else has it");
            file.write_all(&frame[..torn]).expect("there is room");
            self.torn.insert(path);
        }
        self.start_victim();
        self.proxy.all(Manner::Pass);
    }

    /// What dead programs left on the disk is no longer what they wrote.
    fn damage_journal(&mut self) {
        self.proxy.future(Manner::Refuse);
        self.proxy.reset();
        self.last();
        self.kill_victim();
        for segment in segments(&self.journal()) {
            if !self.damage.iter().any(|damage| damage.segment == segment) {
                self.damage.extend(Damage::to(&segment, &mut self.dice));
            }
        }
        self.start_victim();
        self.proxy.all(Manner::Pass);
    }

    /// Damaged records whose bytes nobody has kept.
    fn not_in_quarantine(&self) -> impl Iterator<Item = String> {
        let journal = self.journal();
        let gone = self.damage.iter().filter(move |damage| !damage.is_in_quarantine(&journal));
        gone.map(|damage| format!("nobody kept what was damaged in {}", damage.segment.display()))
    }

    /// The file that each writer in the journal wrote last, unless it was torn before.
    fn last_segments(&self) -> Vec<PathBuf> {
        let mut segments = segments(&self.journal());
        segments.sort_by_key(|path| path.metadata().and_then(|file| file.modified()).ok());
        let last: BTreeMap<_, _> = segments.iter().map(|path| (path.parent(), path)).collect();
        last.into_values().filter(|path| !self.torn.contains(*path)).cloned().collect()
    }

    fn last_for(&mut self, trouble: Trouble) {
        thread::sleep(Duration::from_millis(trouble.lasts()));
        self.last();
    }

    fn last(&mut self) {
        thread::sleep(self.dice.millis(LASTS));
    }

    /// Waits until the log has so many batches more.
    async fn stores(&self, more: i64) {
        let batches = || self.database.value::<i64>("SELECT count(*) FROM control_plane.audit_batches");
        let (enough, deadline) = (batches().await + more, Instant::now() + PATIENCE);
        while batches().await < enough {
            assert!(Instant::now() < deadline, "the writer stores nothing more");
            tokio::time::sleep(POLL).await;
        }
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
        let stats = recovery::recover(&self.database.url(), &self.journal()).await;
        println!("the last program adopted {} entries and stored {}", stats.adopted, stats.stored);
    }
}
