//! What the fault tests share: a writer under load, and its judgement.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use audit_core::{ActionName, Actor, Auditor, Builder, Entry, Overflow, Stats, WaitForStore, WriterGuard};
use tests::oracle::{Log, Verdict};
use tests::postgres::{Database, Server};
use tokio::task::JoinSet;
use uuid::Uuid;

pub(crate) const SOON: Duration = Duration::from_mins(1);
const TASKS: usize = 8;
const POLL: Duration = Duration::from_millis(5);

/// The writers' sessions in a database.
pub(crate) const WRITERS: &str =
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'audit-writer%'";

/// A writer that does not take long over anything.
pub(crate) fn builder(url: &str) -> Builder {
    Auditor::builder()
        .url(url)
        .lanes(2)
        .batch_rows(150)
        .queue_entries(1_000)
        .linger(Duration::from_millis(2))
        .store_timeout(Duration::from_secs(1))
        .longest_pause(Duration::from_millis(50))
        .overflow(Overflow::Block { at_most: SOON })
        .wait_for_store(WaitForStore::AtMost(SOON))
}

pub(crate) fn entry_about(target: &str) -> Entry {
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    Entry::builder(action).target_id(target.to_owned()).actor(Actor::user("user_123")).build()
}

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let deadline = Instant::now() + SOON;
    let place = std::panic::Location::caller();
    async move {
        while !condition() {
            assert!(Instant::now() < deadline, "{place}: {what} has not come to be");
            tokio::time::sleep(POLL).await;
        }
    }
}

/// A database of one's own, whose log is being written.
pub(crate) async fn loaded(server: &Server) -> (Database<'_>, Load) {
    let database = server.database().await;
    let load = Load::start(builder(&database.url())).await;
    load.stores(200).await;
    (database, load)
}

/// A writer, and tasks that record without pause.
pub(crate) struct Load {
    pub(crate) writer: WriterGuard,
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<HashSet<Uuid>>>,
}

impl Load {
    pub(crate) async fn start(builder: Builder) -> Self {
        let writer = builder.start().await.expect("the writer starts");
        let mut load = Self { writer, tasks: JoinSet::new(), stop: Arc::default(), acknowledged: Arc::default() };
        for task in 0..TASKS {
            let auditor = load.writer.auditor().clone();
            let (stop, acknowledged) = (Arc::clone(&load.stop), Arc::clone(&load.acknowledged));
            load.tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let entry = entry_about(&format!("door_{task}"));
                    // A refusal is counted as dropped, which the judgement sees.
                    let Ok(id) = auditor.record(entry).await else { return };
                    acknowledged.lock().expect("no task panics with the lock").insert(id);
                    tokio::task::yield_now().await;
                }
            });
        }
        load
    }

    /// Records one more entry.
    pub(crate) async fn record(&self, entry: Entry) {
        let id = self.writer.auditor().record(entry).await.expect("there is room in time");
        self.acknowledged.lock().expect("no task panics with the lock").insert(id);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.writer.stats()
    }

    /// Waits until so many more entries are stored.
    pub(crate) async fn stores(&self, more: u64) {
        let enough = self.stats().stored + more;
        until("enough stored", || self.stats().stored >= enough).await;
    }

    /// Waits until an attempt fails with this in its error.
    pub(crate) async fn fails_with(&self, words: &str) {
        until(words, || self.stats().last_error.is_some_and(|error| error.contains(words))).await;
    }

    /// Waits until so many more attempts have failed.
    pub(crate) async fn fails(&self, more: u64) {
        let enough = self.stats().retries + more;
        until("failed attempts", || self.stats().retries >= enough).await;
    }

    /// Ends the load and the writer, and has the oracle judge the log. Nothing may be lost or refused.
    pub(crate) async fn judged(self, url: &str) {
        self.judged_with_poison(url).await.assert_good_and_none_refused();
    }

    /// [`Self::judged`] where rows were there to be refused.
    pub(crate) async fn judged_with_poison(mut self, url: &str) -> Verdict {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no task panics");
        }
        let report = self.writer.shutdown(SOON).await;
        assert_eq!((report.lost, report.stats.dropped), (0, 0), "{report:?}");
        let acknowledged = self.acknowledged.lock().expect("no task panics with the lock").clone();
        let verdict = Log::read(url).await.judge(&acknowledged).with_accounts(&[report.stats]);
        verdict.assert_good();
        eprintln!("{verdict}");
        verdict
    }
}
