//! What survives when the database dies.

use std::time::{Duration, Instant};

use audit_core::{ActionName, Actor, Auditor, Entry, Overflow, WaitForStore, WriterGuard};
use tests::postgres::{Durability, Server};

const SOON: Duration = Duration::from_mins(1);
const TASKS: usize = 16;
const CALLS: usize = 1_500;

async fn stored_at_least(writer: &WriterGuard, entries: u64) {
    let deadline = Instant::now() + SOON;
    while writer.stats().stored < entries {
        assert!(Instant::now() < deadline, "the writer stores nothing: {:?}", writer.stats());
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_costs_no_entry_and_doubles_none() {
    let server = Server::start(Durability::Off);
    let database = server.database().await;
    let writer = Auditor::builder()
        .url(database.url())
        .lanes(2)
        .batch_rows(150)
        .linger(Duration::from_millis(2))
        .longest_pause(Duration::from_millis(100))
        .queue_entries(1_000)
        .overflow(Overflow::Block { at_most: SOON })
        .start()
        .await
        .expect("the writer starts");

    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let auditor = writer.auditor().clone();
            tokio::spawn(async move {
                for call in 0..CALLS {
                    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
                    let entry = Entry::builder(action)
                        .target_id(format!("door_{task}_{call}"))
                        .actor(Actor::user("user_123"))
                        .build();
                    auditor.record(entry).await.expect("there is room in time");
                }
            })
        })
        .collect();
    let calls = (TASKS * CALLS) as u64;
    for round in 1..=3 {
        stored_at_least(&writer, calls * round / 5).await;
        server.kill();
        server.start_again();
    }
    for task in tasks {
        task.await.expect("no task panics");
    }
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.stored, report.lost, report.stats.dropped), (calls, 0, 0), "{:?}", report.stats);
    assert!(report.stats.retries > 0, "no batch met the outage");

    let rows: i64 = database.value("SELECT count(*) FROM control_plane.audit_logs").await;
    let targets: i64 = database.value("SELECT count(DISTINCT target_id) FROM control_plane.audit_logs").await;
    let promised: i64 = database.value("SELECT sum(n)::bigint FROM control_plane.audit_batches").await;
    assert_eq!([rows, targets, promised].map(i64::unsigned_abs), [calls; 3]);
    let gaps: i64 = database
        .value(
            "SELECT count(*) FROM (SELECT stream_id, seq, row_number() OVER (PARTITION BY stream_id ORDER BY seq) - 1 AS place
               FROM control_plane.audit_logs) numbered WHERE seq <> place",
        )
        .await;
    assert_eq!(gaps, 0, "the streams have gaps");
}

#[tokio::test]
async fn a_service_starts_and_records_while_its_database_is_away() {
    let server = Server::start(Durability::Off);
    let database = server.database().await;
    server.stop();
    let builder = || Auditor::builder().url(database.url()).longest_pause(Duration::from_millis(100));

    let patience = WaitForStore::AtMost(Duration::from_millis(200));
    builder().wait_for_store(patience).start().await.expect_err("the server is away");

    let writer = builder().wait_for_store(WaitForStore::No).start().await.expect("nothing needs the server yet");
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    writer.auditor().record(Entry::builder(action).build()).await.expect("there is room");
    assert_eq!(writer.stats().waiting, 1);
    server.start_again();
    writer.flush(SOON).await.expect("the server is back");
    assert_eq!(database.value::<i64>("SELECT count(*) FROM control_plane.audit_logs").await, 1);
}

#[tokio::test]
async fn a_start_waits_no_longer_than_it_was_told_to_behind_anothers_migration() {
    let database = tests::postgres::server().database().await;
    let mut other = database.connect().await;
    let lock = i64::from_be_bytes(*b"auditmig");
    sqlx::query("SELECT pg_advisory_lock($1)").bind(lock).execute(&mut other).await.expect("the lock is free");

    let patience = Duration::from_millis(300);
    let asked = Instant::now();
    let start = Auditor::builder().url(database.url()).wait_for_store(WaitForStore::AtMost(patience)).start().await;
    let error = start.expect_err("another migrates");
    assert!(error.to_string().contains("not ready"), "{error}");
    assert!(asked.elapsed() < SOON / 6, "{:?}", asked.elapsed());
}
