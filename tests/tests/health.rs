//! What `health()` says, and how often people are told of an outage.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use audit_core::{Auditor, Builder, Health, Overflow, WriterGuard};
use tests::lines::Lines;
use tests::samples::entry;
use tests::scripted::ScriptedStore;

const SOON: Duration = Duration::from_secs(20);
const AT_ONCE: Duration = Duration::from_millis(1);

fn over(store: &ScriptedStore) -> Builder {
    Auditor::builder().store(Arc::new(store.clone())).linger(AT_ONCE).longest_pause(AT_ONCE)
}

async fn start(builder: Builder) -> WriterGuard {
    builder.start().await.expect("the writer starts")
}

async fn until(auditor: &Auditor, is_asked: impl Fn(&Health) -> bool) -> Health {
    let deadline = Instant::now() + SOON;
    loop {
        let health = auditor.health();
        if is_asked(&health) {
            return health;
        }
        assert!(Instant::now() < deadline, "it never came to be as asked: {health}, {:?}", auditor.stats());
        tokio::task::yield_now().await;
    }
}

fn says(health: &Health, words: &str) -> bool {
    health.reason().is_some_and(|reason| reason.contains(words))
}

#[tokio::test]
async fn a_store_that_takes_everything_is_well_and_a_writer_that_has_gone_fails() {
    let writer = start(over(&ScriptedStore::default())).await;
    let auditor = writer.auditor().clone();
    auditor.record(entry()).durable().await.expect("the store takes it");
    assert_eq!(auditor.health(), Health::Ok);
    assert_eq!(serde_json::to_string(&auditor.health()).expect("it has a JSON form"), r#"{"status":"ok"}"#);
    writer.shutdown(SOON).await;
    assert!(auditor.health().is_failing() && says(&auditor.health(), "takes no more entries"));
    assert_eq!(Auditor::disabled().health(), Health::Ok);
}

#[tokio::test]
async fn without_a_journal_an_outage_is_degraded_and_fails_once_the_queue_is_full() {
    let store = ScriptedStore::default();
    let writer = start(over(&store).queue_entries(2).overflow(Overflow::Drop)).await;
    store.go_away();
    writer.auditor().record(entry()).await.expect("there is room");
    let health = until(writer.auditor(), |health| !health.is_ok()).await;
    assert!(!health.is_failing() && says(&health, "in memory alone") && says(&health, "away"), "{health}");
    while writer.auditor().record(entry()).await.is_ok() {}
    until(writer.auditor(), |health| health.is_failing() && says(health, "no journal")).await;
    store.come_back();
    until(writer.auditor(), Health::is_ok).await;
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn with_a_journal_an_outage_is_degraded_and_fails_once_the_journal_refuses() {
    let (store, folder) = (ScriptedStore::default(), tempfile::tempdir().expect("a temporary folder"));
    let writer = start(over(&store).journal(folder.path()).journal_bytes(2_000)).await;
    store.go_away();
    writer.auditor().record(entry()).durable().await.expect("the journal takes it");
    let health = until(writer.auditor(), |health| says(health, "wait in the journal")).await;
    assert!(!health.is_failing(), "{health}");
    let stats = writer.stats();
    assert!(stats.journaled == 1 && stats.journal_bytes > 0 && stats.journal_oldest.is_some(), "{stats:?}");

    let refused = async {
        while !writer.auditor().health().is_failing() {
            writer.auditor().record(entry()).await.expect("there is room");
            tokio::time::sleep(AT_ONCE).await;
        }
    };
    tokio::time::timeout(SOON, refused).await.expect("the journal is full soon");
    assert!(says(&writer.auditor().health(), "and the journal refuses"), "{}", writer.auditor().health());
    store.come_back();
    until(writer.auditor(), Health::is_ok).await;
    assert!(writer.shutdown(SOON).await.stats.is_balanced());
}

#[tokio::test]
async fn a_store_that_is_silent_is_degraded() {
    let store = ScriptedStore::default();
    let writer = start(over(&store)).await;
    store.shut();
    writer.auditor().record(entry()).await.expect("there is room");
    let health = until(writer.auditor(), |health| !health.is_ok()).await;
    assert!(!health.is_failing() && says(&health, "slow or silent"), "{health}");
    store.open();
    until(writer.auditor(), Health::is_ok).await;
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn what_was_not_announced_is_counted_as_refused() {
    let store = ScriptedStore::default();
    let writer = start(over(&store).durable_timeout(AT_ONCE)).await;
    store.shut();
    writer.auditor().attempt(entry()).await.expect_err("the store is silent");
    assert_eq!(writer.stats().refused, 1);
    store.open();
    writer.shutdown(SOON).await;
}

/// What is told here, by all tests of this program.
fn lines() -> &'static Lines {
    static LINES: LazyLock<Lines> = LazyLock::new(|| {
        let lines = Lines::default();
        tracing_subscriber::fmt().with_env_filter("debug").with_ansi(false).with_writer(lines.clone()).init();
        lines
    });
    &LINES
}

/// The one test here whose store says where it is with these words.
const PLACE: &str = "a store with lines to read";

#[tokio::test]
async fn of_an_outage_people_hear_when_it_begins_and_when_it_ends_however_often_is_tried() {
    let lines = lines();
    let store = ScriptedStore::default().named(PLACE);
    let writer = start(over(&store).lanes(4)).await;
    store.go_away();
    for _ in 0..50 {
        writer.auditor().record(entry()).await.expect("there is room");
    }
    let deadline = Instant::now() + SOON;
    while store.connects() < 300 {
        assert!(Instant::now() < deadline, "the writer does not try");
        tokio::task::yield_now().await;
    }
    store.come_back();
    assert_eq!(writer.shutdown(SOON).await.stored, 50);
    let said = lines.text();
    let said: Vec<_> = said.lines().filter(|line| line.contains(PLACE) && !line.contains("DEBUG")).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].contains("WARN") && said[0].contains("unavailable"), "{said:#?}");
    assert!(said[1].contains("INFO") && said[1].contains("takes batches again"), "{said:#?}");
}

/// The heads of streams, for whoever keeps a service's lines elsewhere.
#[tokio::test]
async fn the_hash_of_each_batch_that_is_stored_is_told() {
    let lines = lines();
    let store = ScriptedStore::default();
    let writer = start(over(&store)).await;
    writer.auditor().record(entry()).durable().await.expect("the store takes it");
    writer.shutdown(SOON).await;
    let said = lines.text();
    for batch in store.all_batches() {
        let header = batch.header();
        let hash = batch.header_hash().map(|byte| format!("{byte:02x}")).concat();
        let head = format!("stream_id={} batch_no={} hash={hash}", header.stream_id, header.batch_no);
        let told = said.lines().filter(|line| line.contains("audit batch stored") && line.contains(&head)).count();
        assert_eq!(told, 1, "{head}");
    }
}
