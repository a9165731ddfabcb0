//! Many drainers at once, some of which die.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use audit_core::store::{self, Schema};
use audit_core::{WriterGuard, outbox};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tests::postgres::{Database, server};
use tests::proxy::{Manner, Proxy};
use uuid::Uuid;

use crate::ground::{SOON, assert_exactly, entry, rows, stored, writer};

async fn migrated() -> Database<'static> {
    let database = server().database().await;
    store::open(&database.url(), &Schema::default()).unwrap().migrate().await.unwrap();
    database
}

/// Drains in a process of its own.
fn drainer(url: &str) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_drainer")).arg(url).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "drains\n");
    child
}

/// Kills drainers with SIGKILL, one after another, until it is told to stop. Gives back how many.
fn kill_drainers(url: &str, stop: &AtomicBool) -> usize {
    let mut killed = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut child = drainer(url);
        // Long enough to be in the middle of something, each time of something else.
        std::thread::sleep(Duration::from_millis(5 + killed % 7 * 9));
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
    }
    usize::try_from(killed).unwrap()
}

/// Work of an application: of three transactions one rolls back.
macro_rules! work {
    ($connection:expr, $transactions:expr) => {{
        let mut committed = HashSet::new();
        for number in 0..$transactions {
            let mut tx = $connection.begin().await.unwrap();
            let ids = [
                outbox(&mut tx, entry(format!("door_{number}"))).await.unwrap(),
                outbox(&mut tx, entry(format!("gate_{number}"))).await.unwrap(),
            ];
            if number % 3 == 2 {
                tx.rollback().await.unwrap();
            } else {
                tx.commit().await.unwrap();
                committed.extend(ids);
            }
        }
        committed
    }};
}

async fn at_work(url: String, transactions: usize) -> HashSet<Uuid> {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    work!(connection, transactions)
}

async fn balanced_end(writers: Vec<WriterGuard>) -> u64 {
    let mut drained = 0;
    for writer in writers {
        let report = writer.shutdown(SOON).await;
        assert!(report.stats.is_balanced(), "{:?}", report.stats);
        drained += report.stats.drained;
    }
    drained
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_many_drainers_of_which_some_are_killed_every_entry_is_stored_once() {
    let database = migrated().await;
    let url = database.url();
    let stop = Arc::new(AtomicBool::new(false));
    let killer = {
        let (url, stop) = (url.clone(), Arc::clone(&stop));
        tokio::task::spawn_blocking(move || kill_drainers(&url, &stop))
    };
    let mut writers = Vec::new();
    for _ in 0..3 {
        let builder = writer(&url).outbox_rows(20).outbox_poll(Duration::from_millis(2));
        writers.push(builder.start().await.unwrap());
    }
    let work: Vec<_> = (0..4).map(|_| tokio::spawn(at_work(url.clone(), 150))).collect();
    let mut committed = HashSet::new();
    for work in work {
        committed.extend(work.await.unwrap());
    }
    stored(&url, committed.len()).await;
    stop.store(true, Ordering::Relaxed);
    assert!(killer.await.unwrap() > 3);
    balanced_end(writers).await;
    assert_exactly(&rows(&url).await, &committed);
    assert_eq!(database.value::<i64>("SELECT count(*) FROM control_plane.audit_outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drainers_whose_server_processes_are_ended_again_and_again_lose_and_double_nothing() {
    let database = migrated().await;
    let url = database.url();
    let mut writers = Vec::new();
    for _ in 0..2 {
        let builder = writer(&url).outbox_rows(10).outbox_poll(Duration::from_millis(2));
        writers.push(builder.longest_pause(Duration::from_millis(20)).start().await.unwrap());
    }
    let work = tokio::spawn(at_work(url.clone(), 600));
    let mut ended = 0;
    while !work.is_finished() {
        ended += database
            .value::<i64>(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                  WHERE application_name = 'audit-writer' AND datname = current_database() AND state <> 'idle'",
            )
            .await;
    }
    let committed = work.await.unwrap();
    stored(&url, committed.len()).await;
    assert!(ended > 0, "nothing was ended in the middle of something");
    let drained = balanced_end(writers).await;
    assert_eq!(drained, committed.len() as u64, "a commit whose reply was lost is counted, and counted once");
    assert_exactly(&rows(&url).await, &committed);
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_recognised_and_counted() {
    let database = migrated().await;
    let proxy = Proxy::before(server().port(), Manner::LoseCommitReply);
    let through = proxy.url(&database.url());
    let mut connection = database.connect().await;
    let mut committed = HashSet::new();
    for number in 0..7 {
        committed.insert(outbox(&mut connection, entry(format!("door_{number}"))).await.unwrap());
    }
    let builder = writer(&through).migrate(audit_core::Migrate::Skip).outbox_rows(2);
    let writer = builder.longest_pause(Duration::from_millis(20)).start().await.unwrap();
    stored(&database.url(), committed.len()).await;
    let deadline = Instant::now() + SOON;
    while writer.stats().drained < 7 {
        assert!(Instant::now() < deadline, "{:?}", writer.stats());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.stats.drained, report.stats.stored), (7, 7), "{:?}", report.stats);
    assert!(report.stats.retries >= 4, "{:?}", report.stats);
    let rows = rows(&database.url()).await;
    assert_exactly(&rows, &committed);
    assert!(rows.iter().all(|row| row.stream_id == rows[0].stream_id), "the stream goes on");
}

#[tokio::test]
async fn a_row_that_the_table_refuses_becomes_a_dead_letter_and_the_rest_is_stored() {
    let database = migrated().await;
    database.execute("ALTER TABLE control_plane.audit_logs ADD CONSTRAINT fussy CHECK (target_id <> 'refused')").await;
    let mut connection = database.connect().await;
    let mut committed = HashSet::new();
    for number in 0..30 {
        let id = outbox(&mut connection, entry(if number == 17 { "refused" } else { "taken" })).await.unwrap();
        if number != 17 {
            committed.insert(id);
        }
    }
    let writer = writer(&database.url()).start().await.unwrap();
    stored(&database.url(), 29).await;
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.stats.drained, report.stats.stored, report.stats.dead_lettered), (30, 29, 1));
    let refused: String = database
        .value("SELECT convert_from(encoded, 'UTF8')::jsonb->>'target_id' FROM control_plane.audit_dead_letters")
        .await;
    assert_eq!(refused, "refused");
    let kind: String = database.value("SELECT kind FROM control_plane.audit_batches WHERE n > 0").await;
    assert_eq!(kind, "outbox");
    let found: HashSet<_> = rows(&database.url()).await.iter().map(|row| row.id).collect();
    assert_eq!(found, committed);
}

#[tokio::test]
async fn a_partition_that_is_missing_is_made() {
    let database = migrated().await;
    let at = std::time::SystemTime::now() - Duration::from_hours(24 * 60);
    let old =
        audit_core::Entry::builder(audit_core::ActionName::unlisted("door.opened").unwrap()).created_at(at).build();
    let mut connection = database.connect().await;
    let committed = HashSet::from([
        outbox(&mut connection, old).await.unwrap(),
        outbox(&mut connection, entry("new")).await.unwrap(),
    ]);
    let writer = writer(&database.url()).start().await.unwrap();
    stored(&database.url(), 2).await;
    // Dropped while the writer believes that it is there.
    let partition: String = database
        .value("SELECT tableoid::regclass::text FROM control_plane.audit_logs ORDER BY created_at LIMIT 1")
        .await;
    database.execute(&format!("ALTER TABLE control_plane.audit_logs DETACH PARTITION {partition}")).await;
    let again =
        audit_core::Entry::builder(audit_core::ActionName::unlisted("door.opened").unwrap()).created_at(at).build();
    let again = outbox(&mut connection, again).await.unwrap();
    let found = stored(&database.url(), 2).await;
    assert!(found.iter().any(|row| row.id == again));
    assert_eq!(writer.shutdown(SOON).await.stats.retries, 0);
    assert_eq!(committed.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_file_many_drainers_of_which_some_are_killed_store_every_entry_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let url = format!("sqlite:{}", path.display());
    store::open(&url, &Schema::default()).unwrap().migrate().await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let killer = {
        let (url, stop) = (url.clone(), Arc::clone(&stop));
        tokio::task::spawn_blocking(move || kill_drainers(&url, &stop))
    };
    let writer = writer(&url).outbox_rows(20).outbox_poll(Duration::from_millis(2)).start().await.unwrap();
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(SOON);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let mut committed = HashSet::new();
    for number in 0..60 {
        // Deferred transactions of SQLite may have to be begun again; these take the lock at once.
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let id = outbox(&mut tx, entry(format!("door_{number}"))).await.unwrap();
        if number % 3 == 2 {
            tx.rollback().await.unwrap();
        } else {
            tx.commit().await.unwrap();
            committed.insert(id);
        }
    }
    stored(&url, committed.len()).await;
    stop.store(true, Ordering::Relaxed);
    assert!(killer.await.unwrap() > 0);
    assert!(writer.shutdown(SOON).await.stats.is_balanced());
    assert_exactly(&rows(&url).await, &committed);
}
