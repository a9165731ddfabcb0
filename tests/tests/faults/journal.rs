//! What happens to the journal's disk, while the store is away. The store is a proxy that refuses.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::disk::Disk;
use tests::oracle::Log;
use tests::postgres::{Database, server};
use tests::preload::Faults;
use tests::proxy::{Manner, Proxy};
use tests::recovery::recover;
use tests::victim::{Acks, Orders, Victim};

/// A program whose store is away.
struct Alone {
    database: Database<'static>,
    proxy: Proxy,
    folder: TempDir,
    victim: Victim,
}

impl Alone {
    async fn start(journal: &Path, faults: Option<&Faults>) -> Self {
        let database = server().database().await;
        let proxy = Proxy::before(database.server().port(), Manner::Refuse);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut orders = Orders::new(proxy.url(&database.url()), folder.path().join("acknowledged"));
        orders.journal = Some(journal.to_owned());
        orders.patience = 1_000;
        let victim = Victim::start(Path::new(env!("CARGO_BIN_EXE_chaos")), &orders, faults);
        victim.acknowledges(200);
        Self { database, proxy, folder, victim }
    }

    /// Waits until nothing is acknowledged for a while. Not at once: what was on its way may be through, and a small batch
    /// may fit into the last block that the journal has.
    async fn acknowledges_nothing(&self) {
        for _ in 0..10 {
            let before = self.victim.acknowledged();
            tokio::time::sleep(Duration::from_secs(2)).await;
            if self.victim.acknowledged() == before {
                return;
            }
        }
        panic!("entries are acknowledged that nothing keeps");
    }

    /// Kills the program; another stores what it left behind.
    async fn judged(self, journal: &Path) {
        let Self { database, proxy, folder, victim } = self;
        victim.kill();
        drop(proxy);
        recover(&database.url(), journal).await;
        let acknowledged = Acks::read(&folder.path().join("acknowledged"));
        let verdict = Log::read(&database.url()).await.judge(&acknowledged);
        verdict.assert_good_and_none_refused();
        eprintln!("{verdict}");
    }
}

/// Fault 12: the journal's disk is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_journal_disk_acknowledges_nothing_falsely() {
    let disk = Disk::of_megabytes(16);
    let alone = Alone::start(disk.path(), disk.faults()).await;
    disk.fill();
    alone.acknowledges_nothing().await;
    disk.free();
    alone.victim.acknowledges(200);
    disk.fill();
    alone.acknowledges_nothing().await;
    // The store alone suffices.
    alone.proxy.all(Manner::Pass);
    alone.victim.acknowledges(200);
    disk.free();
    alone.judged(disk.path()).await;
}

/// Fault 13, by `LD_PRELOAD`: `fsync` fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fsync_acknowledges_nothing() {
    let journal = tempfile::tempdir().expect("a temporary folder");
    let faults = Faults::below(journal.path());
    let alone = Alone::start(journal.path(), Some(&faults)).await;
    faults.fail_syncs();
    let before = alone.victim.acknowledged();
    alone.acknowledges_nothing().await;
    // Of each task, one entry may have been on its way through a sync that had begun.
    let since = alone.victim.acknowledged() - before;
    assert!(since <= Orders::TASKS, "{since} entries were acknowledged that no sync has brought to the disk");
    faults.end();
    alone.victim.acknowledges(200);
    alone.judged(journal.path()).await;
}

/// Fault 14, by `LD_PRELOAD`: `fsync` takes two seconds. Many entries share one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_fsync_is_waited_for() {
    let journal = tempfile::tempdir().expect("a temporary folder");
    let faults = Faults::below(journal.path());
    let mut alone = Alone::start(journal.path(), Some(&faults)).await;
    alone.victim.kill();
    let mut orders = Orders::new(alone.proxy.url(&alone.database.url()), alone.folder.path().join("acknowledged"));
    (orders.journal, orders.tasks) = (Some(journal.path().to_owned()), 64);
    alone.victim = Victim::start(Path::new(env!("CARGO_BIN_EXE_chaos")), &orders, Some(&faults));
    alone.victim.acknowledges(200);
    faults.slow_syncs(Duration::from_secs(2));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (asked, syncs) = (Instant::now(), faults.syncs());
    alone.victim.acknowledges(200);
    let syncs = faults.syncs() - syncs;
    assert!(asked.elapsed() >= Duration::from_secs(2), "acknowledged without a sync: {:?}", asked.elapsed());
    assert!(syncs < 50, "{syncs} syncs for 200 entries");
    // Entries that the store takes need no sync.
    alone.proxy.all(Manner::Pass);
    faults.end();
    alone.victim.acknowledges(200);
    alone.judged(journal.path()).await;
}
