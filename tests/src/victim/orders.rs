//! What the victim does.

use std::error::Error;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audit_core::store::{self, Schema};
use audit_core::{
    ActionName, Actor, Auditor, Builder, Durability, Entry, Outcome, Overflow, Stats, WaitForStore, WriterGuard,
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Acks;
use super::calls::Calls;
use super::transactions::Transactions;
use crate::dice::Dice;
use crate::panicking::PanickingStore;

/// How entries are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Contract {
    /// An acknowledged entry is in the queue.
    Queued,
    /// An acknowledged entry is stored, or in the journal.
    Durable,
    /// So is the announcement of the work, before it.
    Before,
    /// An entry commits with a transaction, or goes with it: of three, one rolls back.
    Tx,
    /// Annotated functions are called, some of which panic, or are dropped at an await point.
    Calls,
}

/// What the victim is to do.
#[derive(Debug, Clone, Args)]
pub struct Orders {
    /// The log's database.
    #[arg(long)]
    pub url: String,
    /// Where batches wait on disk.
    #[arg(long)]
    pub journal: Option<PathBuf>,
    /// How large the journal may become.
    #[arg(long)]
    pub journal_bytes: Option<u64>,
    /// The file of acknowledged entries; beside it, with the extension `withdrawn`, that of entries that were rolled back, and
    /// with `ended` and `ran`, those of [calls](Contract::Calls).
    #[arg(long)]
    pub acks: PathBuf,
    /// How entries are recorded.
    #[arg(long, value_enum, default_value = "durable")]
    pub contract: Contract,
    /// How many tasks record; 0 only lets the writer work.
    #[arg(long, default_value_t = Self::TASKS)]
    pub tasks: usize,
    /// How many entries the queue holds.
    #[arg(long, default_value_t = 1_000)]
    pub queue: usize,
    /// How long the shutdown may take, in ms.
    #[arg(long, default_value_t = 30_000)]
    pub deadline: u64,
    /// How long an acknowledgement may take, in ms.
    #[arg(long, default_value_t = 30_000)]
    pub patience: u64,
    /// How long the store may take, in ms.
    #[arg(long, default_value_t = 1_000)]
    pub store_timeout: u64,
    /// Of so many steps of the writer at its store, in one it panics; 0 for none.
    #[arg(long, default_value_t = 0)]
    pub panics: u64,
    /// Gives what happens to calls, and when the writer panics.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Orders {
    /// How many tasks record unless it is said.
    pub const TASKS: usize = 8;

    /// Durable entries from a few tasks.
    #[must_use]
    pub fn new(url: impl Into<String>, acks: impl Into<PathBuf>) -> Self {
        Self {
            url: url.into(),
            journal: None,
            journal_bytes: None,
            acks: acks.into(),
            contract: Contract::Durable,
            tasks: Self::TASKS,
            queue: 1_000,
            deadline: 30_000,
            patience: 30_000,
            store_timeout: 1_000,
            panics: 0,
            seed: 1,
        }
    }

    /// The command line that gives these orders.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let contract = self.contract.to_possible_value().expect("no contract is hidden");
        let mut arguments = vec![
            format!("--url={}", self.url),
            format!("--acks={}", self.acks.display()),
            format!("--contract={}", contract.get_name()),
            format!("--tasks={}", self.tasks),
            format!("--queue={}", self.queue),
            format!("--deadline={}", self.deadline),
            format!("--patience={}", self.patience),
            format!("--store-timeout={}", self.store_timeout),
            format!("--panics={}", self.panics),
            format!("--seed={}", self.seed),
        ];
        arguments.extend(self.journal.as_ref().map(|journal| format!("--journal={}", journal.display())));
        arguments.extend(self.journal_bytes.map(|bytes| format!("--journal-bytes={bytes}")));
        arguments
    }

    /// Records entries until standard input ends, or SIGTERM or SIGINT comes; then shuts down and prints the accounts.
    ///
    /// # Errors
    ///
    /// When there is no writer, or the acknowledgements cannot be written.
    pub async fn obey(&self) -> Result<(), Box<dyn Error>> {
        let writer = self.start().await?;
        println!("started");
        let acks = Arc::new(Acks::append(&self.acks)?);
        let withdrawn = Arc::new(Acks::append(&self.withdrawn())?);
        let (ended, ran) = (Arc::new(Acks::append(&self.ended())?), Arc::new(Acks::append(&self.ran())?));
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for task in 0..self.tasks {
            let (acks, stop) = (Arc::clone(&acks), Arc::clone(&stop));
            if self.contract == Contract::Tx {
                let transactions =
                    Transactions { url: self.url.clone(), acks, withdrawn: Arc::clone(&withdrawn), stop };
                tasks.spawn(transactions.make(task));
                continue;
            }
            let (auditor, contract) = (writer.auditor().clone(), self.contract);
            if contract == Contract::Calls {
                let (ended, ran, patience) =
                    (Arc::clone(&ended), Arc::clone(&ran), Duration::from_millis(self.patience));
                let dice = Dice::new(self.seed.wrapping_add(task as u64));
                tasks.spawn(Calls { auditor, ended, ran, stop, patience, dice }.make());
                continue;
            }
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    record(&auditor, contract, task, &acks).await;
                    tokio::task::yield_now().await;
                }
            });
        }
        let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            _ = input_ends() => {}
        }
        stop.store(true, Ordering::Relaxed);
        let report = writer.shutdown(Duration::from_millis(self.deadline)).await;
        // Calls in progress come to an end, too: the writer is gone.
        tasks.join_all().await;
        println!("{}", accounts(&report.stats, report.lost));
        Ok(())
    }

    /// The file of entries that were rolled back.
    #[must_use]
    pub fn withdrawn(&self) -> PathBuf {
        self.acks.with_extension("withdrawn")
    }

    /// The file of calls that came to their end.
    #[must_use]
    pub fn ended(&self) -> PathBuf {
        self.acks.with_extension("ended")
    }

    /// The file of calls that were announced, and ran.
    #[must_use]
    pub fn ran(&self) -> PathBuf {
        self.acks.with_extension("ran")
    }

    async fn start(&self) -> Result<WriterGuard, audit_core::Error> {
        let mut builder = self
            .builder()?
            .lanes(2)
            .queue_entries(self.queue)
            .linger(Duration::from_millis(2))
            .store_timeout(Duration::from_millis(self.store_timeout))
            .longest_pause(Duration::from_millis(100))
            .durable_timeout(Duration::from_millis(self.patience))
            .overflow(Overflow::Block { at_most: Duration::from_millis(self.patience) })
            .wait_for_store(WaitForStore::No);
        if let Some(directory) = &self.journal {
            builder = builder.journal(directory);
        }
        if let Some(bytes) = self.journal_bytes {
            builder = builder.journal_bytes(bytes);
        }
        builder.start().await
    }

    fn builder(&self) -> Result<Builder, audit_core::Error> {
        let builder = Auditor::builder();
        if self.panics == 0 {
            return Ok(builder.url(&self.url));
        }
        let (dice, panics) = (Mutex::new(Dice::new(self.seed)), self.panics);
        let is_time = move |_| dice.lock().expect("no panic with the lock").is_one_of(panics);
        let store = PanickingStore::around(store::open(&self.url, &Schema::default())?, is_time);
        Ok(builder.store(Arc::new(store)))
    }
}

/// Ends with standard input. On a thread of its own, for which no runtime waits.
fn input_ends() -> oneshot::Receiver<()> {
    let (ends, end) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        let _ = ends.send(());
    });
    end
}

pub(super) fn entry(task: usize) -> Entry {
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    Entry::builder(action).target_id(format!("door_{task}")).actor(Actor::user("user_123")).build()
}

/// Records one entry; what is refused is not acknowledged, and the accounts count it.
async fn record(auditor: &Auditor, contract: Contract, task: usize, acks: &Acks) {
    let entry = entry(task);
    let acknowledge = |id: Uuid| acks.add(id).expect("the file of acknowledgements takes a line");
    match contract {
        Contract::Before => {
            let Ok(attempt) = auditor.attempt(entry).await else { return };
            acknowledge(attempt.id());
            if let Ok(id) = attempt.end(Outcome::Success).await {
                acknowledge(id);
            }
        }
        Contract::Queued | Contract::Durable | Contract::Tx | Contract::Calls => {
            let durability = if contract == Contract::Queued { Durability::Queued } else { Durability::Durable };
            if let Ok(id) = auditor.record(entry).durability(durability).await {
                acknowledge(id);
            }
        }
    }
}

fn accounts(stats: &Stats, lost: u64) -> Value {
    json!({
        "emitted": stats.emitted, "adopted": stats.adopted, "drained": stats.drained,
        "stored": stats.stored, "waiting": stats.waiting, "journaled": stats.journaled,
        "dead_lettered": stats.dead_lettered, "dropped": stats.dropped, "lost": lost,
        "damaged": stats.dropped_by.journal_damaged,
        "balanced": stats.is_balanced(),
    })
}
