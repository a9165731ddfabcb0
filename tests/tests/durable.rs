//! What a durable recording promises, and what an attempt does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use audit_core::batch::Batch;
use audit_core::{Auditor, Builder, Durability, Error, Outcome, Row, Stats, WriterGuard};
use tests::samples::entry;
use tests::scripted::{ScriptedStore, Turn};

const SOON: Duration = Duration::from_secs(20);
const AT_ONCE: Duration = Duration::from_millis(1);

fn over(store: &ScriptedStore) -> Builder {
    Auditor::builder().store(Arc::new(store.clone())).linger(AT_ONCE).longest_pause(AT_ONCE)
}

async fn start(builder: Builder) -> WriterGuard {
    builder.start().await.expect("the writer starts")
}

fn rows(store: &ScriptedStore) -> Vec<Row> {
    let batches = store.batches();
    batches.iter().flat_map(Batch::rows).map(|row| row.row.clone()).collect()
}

/// Each row's outcome, and whether it names the row before it as its attempt.
fn outcomes(store: &ScriptedStore) -> Vec<(String, bool)> {
    let rows = rows(store);
    let before = [None].into_iter().chain(rows.iter().map(|row| Some(row.id)));
    rows.iter()
        .zip(before)
        .map(|(row, before)| (row.outcome.to_string(), row.attempt_id.is_some() && row.attempt_id == before))
        .collect()
}

async fn until(writer: &WriterGuard, condition: impl Fn(&Stats) -> bool) -> Stats {
    let deadline = Instant::now() + SOON;
    loop {
        let stats = writer.stats();
        if condition(&stats) {
            return stats;
        }
        assert!(Instant::now() < deadline, "the accounts never came to be as asked: {stats:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_durable_recording_ends_when_its_entry_is_stored_and_not_sooner() {
    let store = ScriptedStore::new([Turn::Fail, Turn::LoseReply]);
    store.shut();
    let writer = start(over(&store)).await;
    let mut recording = tokio::spawn(writer.auditor().record(entry()).durable());
    until(&writer, |stats| stats.waiting == 1).await;
    tokio::time::timeout(Duration::from_millis(30), &mut recording).await.expect_err("nothing is stored yet");
    store.open();
    let id = recording.await.expect("the task does not panic").expect("the store is open");
    assert_eq!(rows(&store)[0].id, id);
    assert_eq!(writer.shutdown(SOON).await.stats.unconfirmed, 0);
}

#[tokio::test]
async fn a_durable_caller_cuts_the_linger_short() {
    let store = ScriptedStore::default();
    let writer = start(over(&store).linger(Duration::from_hours(1))).await;
    let lingering = writer.auditor().record(entry()).await.expect("there is room");
    let asked = Instant::now();
    let id = writer.auditor().record(entry()).durability(Durability::Durable).await.expect("the store is open");
    assert!(asked.elapsed() < SOON);
    let ids: Vec<_> = rows(&store).iter().map(|row| row.id).collect();
    assert_eq!(ids, [lingering, id]);
    writer.shutdown(SOON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn durable_callers_share_batches() {
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store)).await;
    let callers: Vec<_> = (0..64).map(|_| tokio::spawn(writer.auditor().record(entry()).durable())).collect();
    until(&writer, |stats| stats.waiting == 64).await;
    store.open();
    for caller in callers {
        caller.await.expect("no caller panics").expect("the store is open");
    }
    let stats = writer.shutdown(SOON).await.stats;
    assert_eq!((stats.stored, stats.unconfirmed), (64, 0));
    assert!(stats.batches <= 4, "{} batches", stats.batches);
}

#[tokio::test]
async fn a_durable_caller_waits_no_longer_than_its_timeout_and_the_entry_waits_on() {
    let store = ScriptedStore::default();
    store.shut();
    let timeout = Duration::from_millis(30);
    let writer = start(over(&store).durable_timeout(timeout)).await;
    let asked = Instant::now();
    let error = writer.auditor().record(entry()).durable().await.expect_err("the store is shut");
    assert!(matches!(&error, Error::NotDurable { timeout: told, .. } if *told == timeout), "{error}");
    assert!(asked.elapsed() >= timeout);
    let stats = writer.stats();
    assert_eq!((stats.unconfirmed, stats.waiting), (1, 1));
    store.open();
    let stats = writer.shutdown(SOON).await.stats;
    assert_eq!((stats.stored, stats.unconfirmed), (1, 1));
    assert!(stats.is_balanced(), "{stats:?}");
}

#[tokio::test]
async fn a_durable_caller_is_told_when_the_writer_ends_first() {
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store)).await;
    let recording = tokio::spawn(writer.auditor().record(entry()).durable());
    until(&writer, |stats| stats.waiting == 1).await;
    assert_eq!(writer.shutdown(AT_ONCE).await.lost, 1);
    let error = recording.await.expect("the task does not panic").expect_err("nothing was stored");
    assert!(matches!(error, Error::Unconfirmed { .. }), "{error}");
}

#[tokio::test]
async fn a_durable_recording_that_is_dropped_leaves_its_entry_in_the_queue() {
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store)).await;
    for _ in 0..3 {
        let recording = writer.auditor().record(entry()).durable();
        tokio::time::timeout(AT_ONCE, recording).await.expect_err("the store is shut");
    }
    store.open();
    assert_eq!(writer.shutdown(SOON).await.stored, 3);
}

#[tokio::test(flavor = "current_thread")]
async fn a_durable_recording_without_async_does_not_deadlock_a_runtime() {
    let store = ScriptedStore::default();
    let writer = start(over(&store)).await;
    let id = writer.auditor().record(entry()).durable().blocking().expect("the store is open");
    assert_eq!(rows(&store)[0].id, id);
    let attempt = writer.auditor().attempt_blocking(entry()).expect("the store is open");
    attempt.end(Outcome::Success).blocking().expect("the store is open");
    assert_eq!(writer.shutdown(SOON).await.stored, 3);
}

#[tokio::test]
async fn an_attempt_is_durable_before_its_work_and_its_end_names_it() {
    let store = ScriptedStore::default();
    let writer = start(over(&store).linger(Duration::from_hours(1))).await;
    let mut attempt = writer.auditor().attempt(entry()).await.expect("the store is open");
    assert_eq!(outcomes(&store), [("attempted".to_owned(), false)]);
    assert_eq!(rows(&store)[0].id, attempt.id());
    attempt.metadata("rooms", &3);
    attempt.end(Outcome::Denied).await.expect("the store is open");
    assert_eq!(outcomes(&store)[1..], [("denied".to_owned(), true)]);
    let ended = &rows(&store)[1];
    assert_eq!(ended.metadata.get("rooms"), Some(&3.into()));
    assert_eq!((ended.target_id.as_deref(), ended.actor_id.as_deref()), (Some("door_7"), Some("user_123")));

    drop(writer.auditor().attempt(entry()).await.expect("the store is open"));
    let failed = writer.auditor().attempt(entry()).await.expect("the store is open");
    failed.fail("jammed").await.expect("the store is open");
    writer.shutdown(SOON).await;
    let told: Vec<_> = outcomes(&store)[2..].iter().map(|(outcome, _)| outcome.clone()).collect();
    assert_eq!(told, ["attempted", "cancelled", "attempted", "failure"]);
    assert_eq!(rows(&store)[5].error.as_deref(), Some("jammed"));
}

#[tokio::test]
async fn an_attempt_that_is_not_durable_in_time_is_refused_and_ends_as_not_run() {
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store).durable_timeout(Duration::from_millis(30))).await;
    let error = writer.auditor().attempt(entry()).await.expect_err("the store is shut");
    assert!(matches!(error, Error::NotDurable { .. }), "{error}");
    store.open();
    writer.shutdown(SOON).await;
    assert_eq!(outcomes(&store), [("attempted".to_owned(), false), ("failure".to_owned(), true)]);
    assert!(rows(&store)[1].error.as_deref().is_some_and(|error| error.starts_with("not run: ")));
}

#[tokio::test]
async fn an_attempt_that_nobody_waits_for_any_more_ends_as_cancelled() {
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store)).await;
    tokio::time::timeout(AT_ONCE, writer.auditor().attempt(entry())).await.expect_err("the store is shut");
    store.open();
    writer.shutdown(SOON).await;
    assert_eq!(outcomes(&store), [("attempted".to_owned(), false), ("cancelled".to_owned(), true)]);
}
