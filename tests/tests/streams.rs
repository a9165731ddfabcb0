//! Streams say when they begin, that they go on, and when they end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use audit_core::batch::{Batch, HeaderKind};
use audit_core::{ActionName, Auditor, Builder, Entry, WriterGuard};
use tempfile::TempDir;
use tests::scripted::{ScriptedStore, Turn};

const SOON: Duration = Duration::from_secs(20);
const AT_ONCE: Duration = Duration::from_millis(1);

fn over(store: &ScriptedStore) -> Builder {
    Auditor::builder().store(Arc::new(store.clone())).lanes(1).linger(AT_ONCE).longest_pause(AT_ONCE)
}

async fn start(builder: Builder) -> WriterGuard {
    builder.start().await.expect("the writer starts")
}

async fn record(writer: &WriterGuard) {
    let entry = Entry::builder(ActionName::unlisted("door.opened").expect("a well-formed name")).build();
    writer.auditor().record(entry).await.expect("there is room");
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: never");
        tokio::time::sleep(AT_ONCE).await;
    }
}

/// The kinds of a stream's headers, which are one chain.
fn kinds(batches: &[Batch]) -> Vec<&'static str> {
    let (mut prev_hash, mut next_seq) = ([0; 32], 0);
    for (batch_no, batch) in (0..).zip(batches) {
        let header = batch.header();
        assert_eq!(header.stream_id, batches[0].header().stream_id);
        assert_eq!((header.batch_no, header.first_seq, header.prev_hash), (batch_no, next_seq, prev_hash));
        assert_eq!(header.kind.is_bare(), batch.rows().is_empty());
        next_seq += i64::from(header.n);
        prev_hash = *batch.header_hash();
    }
    batches.iter().map(|batch| batch.header().kind.as_str()).collect()
}

#[tokio::test]
async fn a_stream_says_when_it_begins_and_when_it_ends() {
    let store = ScriptedStore::default();
    let writer = start(over(&store)).await;
    record(&writer).await;
    let report = writer.shutdown(SOON).await;
    assert_eq!(kinds(&store.all_batches()), ["open", "entries", "close"]);
    assert_eq!((report.stored, report.stats.batches), (1, 1), "headers without rows are not counted");
}

#[tokio::test]
async fn a_stream_without_entries_says_so_too() {
    let store = ScriptedStore::default();
    let writer = start(over(&store)).await;
    until("the stream is open", || !store.all_batches().is_empty()).await;
    writer.shutdown(SOON).await;
    assert_eq!(kinds(&store.all_batches()), ["open", "close"]);
}

#[tokio::test]
async fn a_stream_in_which_nothing_happens_says_that_its_writer_lives() {
    let store = ScriptedStore::default();
    // Shorter is as good as a second.
    let writer = start(over(&store).heartbeat(AT_ONCE)).await;
    record(&writer).await;
    writer.flush(SOON).await.expect("the store is open");
    until("a heartbeat", || store.all_batches().len() > 2).await;
    record(&writer).await;
    writer.shutdown(SOON).await;
    assert_eq!(kinds(&store.all_batches()), ["open", "entries", "heartbeat", "entries", "close"]);
}

#[tokio::test]
async fn what_a_stream_says_of_itself_waits_in_the_journal_like_its_entries() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store).journal(root.path())).await;
    record(&writer).await;
    until("the entry is in the journal", || writer.stats().journaled == 1).await;
    assert_eq!(writer.shutdown(AT_ONCE).await.journaled, 1);
    assert!(store.all_batches().is_empty());

    store.open();
    let writer = start(over(&store).journal(root.path())).await;
    until("the entry is adopted", || writer.stats().adopted == 1 && writer.stats().waiting == 0).await;
    let own = |batch: &Batch| batch.header().kind == HeaderKind::Close;
    until("its stream is closed", || store.all_batches().iter().any(own)).await;
    let adopted = store.batches()[0].header().stream_id;
    writer.shutdown(SOON).await;
    let mut batches = store.all_batches();
    batches.retain(|batch| batch.header().stream_id == adopted);
    assert_eq!(kinds(&batches), ["open", "entries", "close"]);
}

#[tokio::test]
async fn a_programs_end_does_not_wait_until_a_silent_store_has_heard_of_it() {
    for journal in [None, Some(TempDir::new().expect("a directory"))] {
        let store = ScriptedStore::default();
        let mut builder = over(&store);
        if let Some(journal) = &journal {
            builder = builder.journal(journal.path());
        }
        let writer = start(builder).await;
        record(&writer).await;
        writer.flush(SOON).await.expect("the store is open");
        store.shut();
        let asked = Instant::now();
        let report = writer.shutdown(SOON).await;
        assert!(asked.elapsed() < SOON / 4, "{:?}", asked.elapsed());
        assert_eq!((report.stored, report.lost, report.journaled), (1, 0, 0));
    }
}

#[tokio::test]
async fn a_stream_that_takes_anothers_place_is_opened() {
    let store = ScriptedStore::new([Turn::Squat]);
    let writer = start(over(&store)).await;
    record(&writer).await;
    writer.flush(SOON).await.expect("the store takes what moved");
    record(&writer).await;
    writer.shutdown(SOON).await;
    let batches = store.all_batches();
    let last = batches.last().expect("batches").header().stream_id;
    let (new, old): (Vec<_>, Vec<_>) = batches.into_iter().partition(|batch| batch.header().stream_id == last);
    assert_eq!(kinds(&new), ["open", "entries", "close"]);
    let old: Vec<_> = old.iter().map(|batch| batch.header().kind.as_str()).collect();
    assert_eq!(old, ["open", "entries"], "the batch that moved is alone in its stream, which nobody opened");
}
