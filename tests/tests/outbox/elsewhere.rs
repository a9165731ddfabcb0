//! The outbox is in the application's own database, and the log in another.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use audit_core::migrate::{self, Options, Part};
use audit_core::store::{self, Schema};
use audit_core::{Builder, Migrate, outbox};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tests::postgres::{Database, execute_at, server};
use tests::proxy::{Manner, Proxy};
use uuid::Uuid;

use crate::ground::{SOON, assert_exactly, entry, rows, stored, writer};

const LEASE: Duration = Duration::from_millis(300);

async fn application() -> Database<'static> {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new().with_part(Part::Outbox)).await.unwrap();
    database
}

async fn log() -> Database<'static> {
    let database = server().database().await;
    store::open(&database.url(), &Schema::default()).unwrap().migrate().await.unwrap();
    database
}

fn drainer(log: &str, outbox: &str) -> Builder {
    let builder = writer(log).outbox_url(outbox).outbox_rows(20).outbox_poll(Duration::from_millis(2));
    builder.outbox_lease(LEASE).longest_pause(Duration::from_millis(50))
}

async fn is_empty(outbox: &Database<'_>) {
    let deadline = Instant::now() + SOON;
    while outbox.value::<i64>("SELECT count(*) FROM control_plane.audit_outbox").await > 0 {
        assert!(Instant::now() < deadline, "the outbox is not emptied");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Of three transactions one rolls back.
async fn work(url: String, transactions: usize) -> HashSet<Uuid> {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut committed = HashSet::new();
    for number in 0..transactions {
        let mut tx = connection.begin().await.unwrap();
        let id = outbox(&mut tx, entry(format!("door_{number}"))).await.unwrap();
        if number % 3 == 2 {
            tx.rollback().await.unwrap();
        } else {
            tx.commit().await.unwrap();
            committed.insert(id);
        }
    }
    committed
}

#[tokio::test]
async fn entries_of_an_applications_database_come_into_the_log_under_a_drainers_privileges() {
    let (application, log) = (application().await, log().await);
    let committed = work(application.url_as("audit_caller").await, 60).await;
    let (log_url, outbox_url) = (log.url_as("audit_writer").await, application.url_as("audit_drainer").await);
    let change = "UPDATE control_plane.audit_outbox SET entry = '{}'";
    assert!(execute_at(&outbox_url, change).await.is_err(), "a drainer changes entries");
    let writer = drainer(&log_url, &outbox_url).migrate(Migrate::Skip).start().await.unwrap();
    stored(&log.url(), committed.len()).await;
    is_empty(&application).await;
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.stats.drained, report.stats.stored), (40, 40));
    assert_exactly(&rows(&log.url()).await, &committed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_of_killed_drainers_are_landed_once_by_others() {
    let (application, log) = (application().await, log().await);
    let stop = Arc::new(AtomicBool::new(false));
    let killer = {
        let (log, outbox, stop) = (log.url(), application.url(), Arc::clone(&stop));
        tokio::task::spawn_blocking(move || {
            let mut killed = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let mut child = Command::new(env!("CARGO_BIN_EXE_drainer"));
                let mut child = child.args([&log, &outbox]).stdout(Stdio::piped()).spawn().unwrap();
                let mut line = String::new();
                BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
                std::thread::sleep(Duration::from_millis(5 + killed % 7 * 9));
                child.kill().unwrap();
                child.wait().unwrap();
                killed += 1;
            }
            killed
        })
    };
    let writer = drainer(&log.url(), &application.url()).start().await.unwrap();
    let committed = work(application.url(), 900).await;
    stored(&log.url(), committed.len()).await;
    stop.store(true, Ordering::Relaxed);
    assert!(killer.await.unwrap() > 3);
    is_empty(&application).await;
    assert!(writer.shutdown(SOON).await.stats.is_balanced());
    assert_exactly(&rows(&log.url()).await, &committed);
}

#[tokio::test]
async fn a_claim_whose_claimant_died_before_it_landed_is_landed_after_its_lease() {
    let (application, log) = (application().await, log().await);
    let committed = work(application.url(), 30).await;
    // The log refuses every batch, so that the claim stands while its claimant dies.
    log.execute("ALTER TABLE control_plane.audit_batches RENAME TO audit_batches_away").await;
    let first = drainer(&log.url(), &application.url()).migrate(Migrate::Skip).start().await.unwrap();
    let claimed = "SELECT count(*) FROM control_plane.audit_outbox WHERE stream_id IS NOT NULL";
    let deadline = Instant::now() + SOON;
    while application.value::<i64>(claimed).await == 0 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    first.shutdown(Duration::ZERO).await;
    let stream: Uuid =
        application.value("SELECT stream_id FROM control_plane.audit_outbox WHERE stream_id IS NOT NULL LIMIT 1").await;
    log.execute("ALTER TABLE control_plane.audit_batches_away RENAME TO audit_batches").await;

    let second = drainer(&log.url(), &application.url()).start().await.unwrap();
    stored(&log.url(), committed.len()).await;
    is_empty(&application).await;
    assert_eq!(second.shutdown(SOON).await.stats.drained, 20);
    let rows = rows(&log.url()).await;
    assert!(rows.iter().any(|row| row.stream_id == stream), "the very same batch is landed");
    assert_exactly(&rows, &committed);
}

#[tokio::test]
async fn a_claim_that_cannot_be_made_again_holds_no_other_entries_up() {
    let (application, log) = (application().await, log().await);
    work(application.url(), 30).await;
    // The log refuses every batch, so that the claim stands while somebody takes a row out of it.
    log.execute("ALTER TABLE control_plane.audit_batches RENAME TO audit_batches_away").await;
    let writer = drainer(&log.url(), &application.url()).migrate(Migrate::Skip).start().await.unwrap();
    let broken = "DELETE FROM control_plane.audit_outbox WHERE idx = 1";
    let claimed = "SELECT count(*) FROM control_plane.audit_outbox WHERE stream_id IS NOT NULL";
    let deadline = Instant::now() + SOON;
    while application.value::<i64>(claimed).await == 0 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    application.execute(broken).await;
    // Whatever was under way with the whole claim has failed by then.
    let (before, deadline) = (writer.stats().retries, Instant::now() + SOON);
    while writer.stats().retries < before + 2 {
        assert!(Instant::now() < deadline, "{:?}", writer.stats());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    log.execute("ALTER TABLE control_plane.audit_batches_away RENAME TO audit_batches").await;

    let committed = work(application.url(), 30).await;
    let rows = stored(&log.url(), committed.len()).await;
    assert_exactly(&rows, &committed);
    assert_eq!(application.value::<i64>(claimed).await, 19, "the claim is left as it is");
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn replies_that_are_lost_on_either_side_double_nothing() {
    for lost_at_the_log in [true, false] {
        let (application, log) = (application().await, log().await);
        let committed = work(application.url(), 90).await;
        let proxy = Proxy::before(server().port(), Manner::LoseCommitReply);
        let (log_url, outbox_url) = if lost_at_the_log {
            (proxy.url(&log.url()), application.url())
        } else {
            (log.url(), proxy.url(&application.url()))
        };
        let writer = drainer(&log_url, &outbox_url).migrate(Migrate::Skip).start().await.unwrap();
        let deadline = Instant::now() + SOON;
        while writer.stats().retries < 3 {
            assert!(Instant::now() < deadline, "{:?}", writer.stats());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        proxy.all(Manner::Pass);
        stored(&log.url(), committed.len()).await;
        is_empty(&application).await;
        assert!(writer.shutdown(SOON).await.stats.is_balanced());
        assert_exactly(&rows(&log.url()).await, &committed);
    }
}

#[tokio::test]
async fn an_application_on_sqlite_has_its_entries_in_a_log_on_postgresql() {
    let log = log().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let outbox_url = format!("sqlite:{}", path.display());
    // The writer makes the table.
    let writer = drainer(&log.url(), &outbox_url).start().await.unwrap();
    let deadline = Instant::now() + SOON;
    let options = Options::new().with_part(Part::Outbox);
    while !migrate::is_current(&outbox_url, &options).await.unwrap_or(false) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let file = SqliteConnectOptions::new().filename(&path).busy_timeout(SOON);
    let mut connection = SqliteConnection::connect_with(&file).await.unwrap();
    let mut committed = HashSet::new();
    for number in 0..45 {
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let id = outbox(&mut tx, entry(format!("door_{number}"))).await.unwrap();
        if number % 3 == 2 {
            tx.rollback().await.unwrap();
        } else {
            tx.commit().await.unwrap();
            committed.insert(id);
        }
    }
    stored(&log.url(), committed.len()).await;
    let report = writer.shutdown(SOON).await;
    assert_eq!(report.stats.drained, committed.len() as u64);
    assert_exactly(&rows(&log.url()).await, &committed);
}
