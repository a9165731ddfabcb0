//! An entry is bound to the transaction that it was written in.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use audit_core::encoding::row_leaf;
use audit_core::store::{self, Schema};
use audit_core::{Context, Outbox, context, outbox};
use sqlx::any::install_default_drivers;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};
use tests::postgres::{Database, server};
use tests::samples;

use crate::ground::{SOON, assert_exactly, entry, rows, stored, writer};

async fn migrated() -> Database<'static> {
    let database = server().database().await;
    store::open(&database.url(), &Schema::default()).unwrap().migrate().await.unwrap();
    database
}

async fn file() -> (tempfile::TempDir, String, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let url = format!("sqlite:{}", path.display());
    store::open(&url, &Schema::default()).unwrap().migrate().await.unwrap();
    let connection = SqliteConnectOptions::new().filename(path).busy_timeout(SOON).connect().await.unwrap();
    (folder, url, connection)
}

macro_rules! both_commit_or_neither {
    ($url:expr, $connection:expr) => {{
        let (url, connection) = ($url, $connection);
        let mut committed = HashSet::new();

        let mut tx = connection.begin().await.unwrap();
        committed.insert(outbox(&mut tx, entry("committed")).await.unwrap());
        tx.commit().await.unwrap();

        let mut tx = connection.begin().await.unwrap();
        outbox(&mut tx, entry("rolled back")).await.unwrap();
        tx.rollback().await.unwrap();

        let mut tx = connection.begin().await.unwrap();
        outbox(&mut tx, entry("dropped")).await.unwrap();
        drop(tx);

        let mut tx = connection.begin().await.unwrap();
        committed.insert(outbox(&mut tx, entry("around the savepoint")).await.unwrap());
        let mut savepoint = tx.begin().await.unwrap();
        outbox(&mut savepoint, entry("in the savepoint")).await.unwrap();
        savepoint.rollback().await.unwrap();
        tx.commit().await.unwrap();

        // A connection without a transaction commits at once.
        committed.insert(outbox(&mut *connection, entry("alone")).await.unwrap());

        let writer = writer(&url).start().await.unwrap();
        stored(&url, committed.len()).await;
        let report = writer.shutdown(SOON).await;
        assert_exactly(&rows(&url).await, &committed);
        assert_eq!((report.stats.drained, report.stats.emitted), (3, 0));
        assert!(report.stats.is_balanced(), "{:?}", report.stats);
    }};
}

#[tokio::test]
async fn what_commits_is_stored_once_and_what_rolls_back_never_in_postgresql() {
    let database = migrated().await;
    both_commit_or_neither!(database.url(), &mut database.connect().await);
}

#[tokio::test]
async fn what_commits_is_stored_once_and_what_rolls_back_never_in_sqlite() {
    let (_folder, url, mut connection) = file().await;
    both_commit_or_neither!(url, &mut connection);
}

async fn whichever(url: &str) -> AnyConnection {
    install_default_drivers();
    AnyConnection::connect(url).await.unwrap()
}

#[tokio::test]
async fn what_commits_is_stored_once_and_what_rolls_back_never_in_whichever_database_there_is() {
    let database = migrated().await;
    both_commit_or_neither!(database.url(), &mut whichever(&database.url()).await);
    let (_folder, url, _) = file().await;
    both_commit_or_neither!(url.as_str(), &mut whichever(&url).await);
}

macro_rules! the_very_same_entry {
    ($url:expr, $connection:expr) => {{
        let (url, connection) = ($url, $connection);
        let entries = samples::varied(50);
        // What the queue would have made of them.
        let direct = audit_core::batch::Freezer::new().freeze(entries.clone(), std::time::SystemTime::now());
        for entry in entries {
            outbox(&mut *connection, entry).await.unwrap();
        }
        let writer = writer(&url).start().await.unwrap();
        let mut read = stored(&url, 50).await;
        writer.shutdown(SOON).await;
        read.sort_by_key(|row| direct.rows().iter().position(|frozen| frozen.row.id == row.id));
        for (mut read, frozen) in read.into_iter().zip(direct.rows()) {
            assert!(row_leaf(&read).is_some());
            let mut expected = frozen.row.clone();
            (expected.stream_id, expected.seq, expected.salt) = (read.stream_id, read.seq, read.salt);
            read.recorded_at = None;
            assert_eq!(read, expected);
        }
    }};
}

#[tokio::test]
async fn what_comes_out_of_the_outbox_is_what_the_queue_would_have_stored_in_postgresql() {
    let database = migrated().await;
    the_very_same_entry!(database.url(), &mut database.connect().await);
}

#[tokio::test]
async fn what_comes_out_of_the_outbox_is_what_the_queue_would_have_stored_in_sqlite() {
    let (_folder, url, mut connection) = file().await;
    the_very_same_entry!(url, &mut connection);
}

#[tokio::test]
async fn what_comes_out_of_the_outbox_is_what_the_queue_would_have_stored_in_whichever_database_there_is() {
    let database = migrated().await;
    the_very_same_entry!(database.url(), &mut whichever(&database.url()).await);
    let (_folder, url, _) = file().await;
    the_very_same_entry!(url.as_str(), &mut whichever(&url).await);
}

#[tokio::test]
async fn a_committed_entry_is_in_the_log_within_a_few_polls() {
    let database = migrated().await;
    let writer = writer(&database.url()).start().await.unwrap();
    let mut connection = database.connect().await;
    let mut slowest = Duration::ZERO;
    for number in 1..=10 {
        let committed = Instant::now();
        outbox(&mut connection, entry("quick")).await.unwrap();
        while writer.stats().drained < number {
            assert!(committed.elapsed() < SOON);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        slowest = slowest.max(committed.elapsed());
    }
    // One poll of 100 ms and one move; the rest is for a machine that does other things.
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    writer.shutdown(SOON).await;
}

/// Of a writer that looks by itself but once an hour.
#[tokio::test]
async fn a_commit_that_is_told_wakes_the_writer_and_a_rollback_does_not() {
    let database = migrated().await;
    let builder = || writer(&database.url()).outbox_poll(Duration::from_hours(1)).outbox_notify(true);
    let listens = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let writer = builder().start().await.unwrap();
    let begun = Instant::now();
    while database.value::<i64>(listens).await == 0 {
        assert!(begun.elapsed() < SOON, "nobody listens");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let context = Context::new().with_auditor(writer.auditor().clone());
    let mut connection = database.connect().await;
    for number in 1..=5 {
        let mut tx = connection.begin().await.unwrap();
        context::scope(context.clone(), async { outbox(&mut tx, entry("withdrawn")).await.unwrap() }).await;
        tx.rollback().await.unwrap();
        let mut tx = connection.begin().await.unwrap();
        context::scope(context.clone(), async { outbox(&mut tx, entry("told")).await.unwrap() }).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(writer.stats().drained, number - 1, "not committed yet");
        tx.commit().await.unwrap();
        let committed = Instant::now();
        while writer.stats().drained < number {
            assert!(committed.elapsed() < SOON, "the writer was not woken");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    // A listener whose session is ended listens again, and hears of what it missed.
    database.execute(&listens.replace("count(*)", "pg_terminate_backend(pid)")).await;
    context::scope(context, async { outbox(&mut connection, entry("missed")).await.unwrap() }).await;
    let committed = Instant::now();
    while writer.stats().drained < 6 {
        assert!(committed.elapsed() < SOON, "the writer was not woken");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn a_writer_that_is_told_so_leaves_the_outbox_alone() {
    let database = migrated().await;
    outbox(&mut database.connect().await, entry("left")).await.unwrap();
    let writer = writer(&database.url()).outbox(Outbox::Leave).start().await.unwrap();
    writer.auditor().record(entry("queued")).await.unwrap();
    stored(&database.url(), 1).await;
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.stats.drained, report.stats.stored), (0, 1));
    assert_eq!(database.value::<i64>("SELECT count(*) FROM control_plane.audit_outbox").await, 1);
}

#[tokio::test]
async fn the_auditor_of_the_context_says_in_which_schema_the_outbox_is() {
    let database = server().database().await;
    let writer = writer(&database.url()).schema("elsewhere").start().await.unwrap();
    let context = Context::new().with_auditor(writer.auditor().clone());
    let mut connection = database.connect().await;
    context::scope(context, async { outbox(&mut connection, entry("there")).await.unwrap() }).await;
    let deadline = Instant::now() + SOON;
    while writer.stats().drained < 1 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(database.value::<i64>("SELECT count(*) FROM elsewhere.audit_logs").await, 1);
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn where_there_is_no_outbox_the_error_says_so() {
    let database = server().database().await;
    let mut connection: PgConnection = database.connect().await;
    let error = outbox(&mut connection, entry("lost")).await.unwrap_err().to_string();
    assert!(error.contains("control_plane.audit_outbox") && error.contains("42P01"), "{error}");
}
