//! What the writer promises when it has a journal and its store fails it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit_core::batch::{Batch, HeaderKind};
use audit_core::encoding;
use audit_core::{ActionName, Actor, Auditor, Builder, Entry, Outcome, Overflow, Stats, WaitForStore, WriterGuard};
use tempfile::TempDir;
use tests::journals::{files, segments};
use tests::samples;
use tests::scripted::{ScriptedStore, Turn};
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(20);
const AT_ONCE: Duration = Duration::from_millis(1);

fn entry() -> Entry {
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    Entry::builder(action).target_id("door_7").actor(Actor::user("user_123")).build()
}

fn over(store: &ScriptedStore, journal: &Path) -> Builder {
    let builder = Auditor::builder().store(Arc::new(store.clone())).journal(journal);
    builder.linger(AT_ONCE).spill_after(AT_ONCE).longest_pause(AT_ONCE)
}

async fn start(builder: Builder) -> WriterGuard {
    builder.start().await.expect("the writer starts")
}

async fn record(writer: &WriterGuard) -> Uuid {
    writer.auditor().record(entry()).await.expect("there is room")
}

/// Entries, each in a batch of its own, all of them in the journal.
async fn journal_each(writer: &WriterGuard, entries: u64) -> Vec<Uuid> {
    let mut recorded = Vec::new();
    for _ in 0..entries {
        recorded.push(record(writer).await);
        until(writer, |stats| stats.waiting == stats.journaled).await;
    }
    recorded
}

/// What a process leaves whose store never answers: entries in its journal, each in a batch of its own.
async fn leave(store: &ScriptedStore, root: &Path, entries: u64) -> Vec<Uuid> {
    store.shut();
    let writer = start(over(store, root)).await;
    let recorded = journal_each(&writer, entries).await;
    assert_eq!(writer.shutdown(AT_ONCE).await.journaled, entries);
    recorded
}

async fn until(writer: &WriterGuard, condition: impl Fn(&Stats) -> bool) -> Stats {
    let deadline = Instant::now() + SOON;
    loop {
        let stats = writer.stats();
        assert!(stats.is_balanced(), "{stats:?}");
        if condition(&stats) {
            return stats;
        }
        assert!(Instant::now() < deadline, "the accounts never came to be as asked: {stats:?}");
        tokio::task::yield_now().await;
    }
}

fn ids(batches: &[Batch]) -> Vec<Uuid> {
    batches.iter().flat_map(|batch| batch.rows().iter().map(|row| row.row.id)).collect()
}

/// Flips a bit in the payload of a segment's second record. The head of a segment has 88 bytes; a frame has 76 around its
/// payload, whose length is at 4.
fn damage_second(segment: &Path) {
    let mut bytes = fs::read(segment).expect("it is there");
    let payload = u32::from_be_bytes(bytes[92..96].try_into().expect("four bytes"));
    bytes[88 + 76 + payload as usize + 80] ^= 1;
    fs::write(segment, bytes).expect("it can be written");
}

fn actions(batches: &[Batch]) -> Vec<String> {
    batches.iter().flat_map(|batch| batch.rows().iter().map(|row| row.row.action.clone())).collect()
}

/// Copies the journals below a folder.
fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let copy = to.join(file.strip_prefix(from).expect("it lies below"));
        fs::create_dir_all(copy.parent().expect("it lies in a folder")).expect("there is room");
        fs::copy(file, copy).expect("there is room");
    }
}

/// A new process finds what the last one left: every entry is stored, each once.
async fn adopted(store: &ScriptedStore, root: &Path, entries: u64) -> Stats {
    let writer = start(over(store, root)).await;
    until(&writer, |stats| stats.adopted == entries && stats.waiting == 0).await;
    let deadline = Instant::now() + SOON;
    while files(root).iter().filter(|path| path.extension().is_none_or(|kind| kind != "damaged")).count() > 1 {
        assert!(Instant::now() < deadline, "the adopted journal was not removed: {:?}", files(root));
        tokio::task::yield_now().await;
    }
    writer.shutdown(SOON).await.stats
}

#[tokio::test]
async fn while_the_store_is_silent_batches_go_to_the_journal_and_later_to_the_store_in_order() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    let writer = start(over(&store, root.path())).await;
    let mut recorded = vec![record(&writer).await];
    writer.flush(SOON).await.expect("the store is open");
    store.shut();
    recorded.extend(journal_each(&writer, 5).await);
    assert!(!segments(root.path()).is_empty());
    store.open();
    writer.flush(SOON).await.expect("the store is open again");
    recorded.push(record(&writer).await);
    let report = writer.shutdown(SOON).await;

    let batches = store.batches();
    assert_eq!(ids(&batches), recorded);
    assert_eq!((report.stored, report.journaled, report.lost), (7, 0, 0));
    let mut prev_hash = [0; 32];
    for (batch_no, batch) in (0..).zip(&store.all_batches()) {
        assert_eq!((batch.header().batch_no, batch.header().prev_hash), (batch_no, prev_hash));
        prev_hash = *batch.header_hash();
    }
    assert!(files(root.path()).is_empty(), "{:?}", files(root.path()));
}

#[tokio::test]
async fn a_store_that_answers_in_time_needs_no_journal() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    let writer = start(over(&store, root.path()).spill_after(SOON)).await;
    for _ in 0..20 {
        record(&writer).await;
        assert_eq!(files(root.path()).len(), 1, "{:?}", files(root.path()));
    }
    assert_eq!(writer.shutdown(SOON).await.stored, 20);
    assert!(files(root.path()).is_empty(), "{:?}", files(root.path()));
}

#[tokio::test]
async fn a_durable_entry_is_acknowledged_by_the_journal_while_the_store_is_away() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.go_away();
    let writer = start(over(&store, root.path()).wait_for_store(WaitForStore::No)).await;
    for _ in 0..3 {
        writer.auditor().record(entry()).durable().await.expect("the journal keeps it");
    }
    assert_eq!(writer.stats().stored, 0);
    store.come_back();
    writer.flush(SOON).await.expect("the store is back");
    assert_eq!(ids(&store.batches()).len(), 3);
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn entries_of_every_kind_come_back_from_the_journal_as_they_were_frozen() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store, root.path())).await;
    let entries = samples::varied(300);
    let recorded: Vec<Uuid> = entries.iter().map(Entry::id).collect();
    for entry in entries {
        writer.auditor().record(entry).await.expect("there is room");
    }
    until(&writer, |stats| stats.journaled == 300).await;
    assert_eq!(writer.shutdown(AT_ONCE).await.journaled, 300);
    store.open();
    adopted(&store, root.path(), 300).await;
    let batches = store.batches();
    assert_eq!(ids(&batches), recorded);
    assert!(batches.iter().flat_map(Batch::rows).all(|row| encoding::row_leaf(&row.row) == Some(row.leaf)));
}

#[tokio::test]
async fn what_a_shutdown_cannot_store_goes_to_the_journal_and_the_next_process_stores_it() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    // The journal comes into play at the deadline only.
    let writer = start(over(&store, root.path()).batch_rows(2).spill_after(SOON)).await;
    let mut recorded = Vec::new();
    for _ in 0..7 {
        recorded.push(record(&writer).await);
    }
    let report = writer.shutdown(Duration::from_millis(30)).await;
    assert_eq!((report.stored, report.journaled, report.lost), (0, 7, 0));
    assert!(report.stats.is_balanced(), "{:?}", report.stats);

    store.open();
    let stats = adopted(&store, root.path(), 7).await;
    assert_eq!((stats.stored, stats.emitted), (7, 0));
    assert_eq!(ids(&store.batches()), recorded);
}

#[tokio::test]
async fn a_call_that_ends_while_a_shutdown_waits_for_the_store_is_kept_like_those_before_it() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store, root.path())).await;
    let mut attempts = Vec::new();
    for _ in 0..4 {
        attempts.push(writer.auditor().attempt(entry()).await.expect("the journal keeps it"));
    }
    let ends = tokio::spawn(async move {
        for attempt in attempts {
            attempt.end(Outcome::Success).await.expect("the journal keeps it");
        }
    });
    // It begins before the first of them ends: there is one thread.
    let report = writer.shutdown(Duration::from_millis(500)).await;
    ends.await.expect("every end was kept");
    assert_eq!((report.journaled, report.lost, report.stats.dropped), (8, 0, 0), "{report:?}");
}

#[tokio::test]
async fn a_guard_that_is_dropped_leaves_the_remainder_in_the_journal() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let builder = over(&store, root.path()).batch_rows(2).spill_after(SOON);
    let writer = start(builder.drop_deadline(Duration::from_millis(500))).await;
    let mut recorded = Vec::new();
    for _ in 0..7 {
        recorded.push(record(&writer).await);
    }
    drop(writer);
    store.open();
    adopted(&store, root.path(), 7).await;
    assert_eq!(ids(&store.batches()), recorded);
}

#[tokio::test]
async fn a_journal_that_refused_is_asked_again_at_the_deadline() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    let writer = start(over(&store, root.path())).await;
    record(&writer).await;
    writer.flush(SOON).await.expect("the store is open");
    store.shut();
    let lock = files(root.path()).pop().expect("the living hold a lock");
    let (directory, aside) = (lock.parent().expect("it lies in a directory"), root.path().join("aside"));
    fs::rename(directory, &aside).expect("it can be renamed");
    record(&writer).await;
    until(&writer, |_| writer.auditor().journal().is_some_and(|journal| journal.refusal.is_some())).await;
    fs::rename(&aside, directory).expect("it can be renamed");
    let report = writer.shutdown(AT_ONCE).await;
    assert_eq!((report.stored, report.journaled, report.lost), (1, 1, 0), "{report:?}");
}

#[tokio::test]
async fn a_batch_that_was_stored_before_the_process_died_is_not_stored_again() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store, root.path())).await;
    let recorded = journal_each(&writer, 3).await;
    // The first is stored, and the process dies before it knows.
    store.script([Turn::LoseReply].into_iter().chain(std::iter::repeat_n(Turn::Fail, 100_000)));
    store.open();
    until(&writer, |stats| stats.retries > 1).await;
    assert_eq!(writer.shutdown(AT_ONCE).await.journaled, 3);
    store.script([]);
    adopted(&store, root.path(), 3).await;
    assert_eq!(ids(&store.batches()), recorded);
}

#[tokio::test]
async fn batches_of_a_squatted_stream_move_once_each_also_when_the_process_dies_meanwhile() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store, root.path())).await;
    let recorded = journal_each(&writer, 4).await;
    // The first is refused its place and moves; the second has moved, too, and its answer is lost.
    let script = [Turn::Squat, Turn::Take, Turn::LoseReply];
    store.script(script.into_iter().chain(std::iter::repeat_n(Turn::Fail, 100_000)));
    store.open();
    until(&writer, |stats| stats.retries > 1).await;
    assert_eq!(writer.shutdown(AT_ONCE).await.journaled, 3);
    store.script([]);
    // The segment of the first is there still, so that it is adopted along with the others.
    adopted(&store, root.path(), 4).await;
    let batches = store.batches();
    assert_eq!(ids(&batches), recorded);
    let streams: HashSet<Uuid> = batches.iter().map(|batch| batch.header().stream_id).collect();
    assert_eq!(streams.len(), 4, "each moves to a stream of its own");
}

#[tokio::test]
async fn a_batch_frozen_again_for_its_times_is_stored_once_also_when_the_process_dies_meanwhile() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store, root.path())).await;
    let recorded = journal_each(&writer, 2).await;
    let script = [Turn::OutOfWindow, Turn::LoseReply];
    store.script(script.into_iter().chain(std::iter::repeat_n(Turn::Fail, 100_000)));
    store.open();
    until(&writer, |stats| stats.retries > 2).await;
    assert_eq!(writer.shutdown(AT_ONCE).await.journaled, 2);
    store.script([]);
    adopted(&store, root.path(), 2).await;
    assert_eq!(ids(&store.batches()), recorded);
}

#[tokio::test]
async fn a_batch_frozen_again_for_its_times_and_stored_is_not_stored_again_while_the_journal_has_it() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store, root.path())).await;
    let recorded = journal_each(&writer, 3).await;
    let script = [Turn::OutOfWindow, Turn::Take];
    store.script(script.into_iter().chain(std::iter::repeat_n(Turn::Fail, 100_000)));
    store.open();
    until(&writer, |stats| stats.stored == 1 && stats.retries > 2).await;
    assert_eq!(writer.shutdown(AT_ONCE).await.journaled, 2);
    // Its segment is there still, because of the others, and is adopted whole.
    store.script([]);
    adopted(&store, root.path(), 3).await;
    assert_eq!(ids(&store.batches()), recorded);
}

#[tokio::test]
async fn what_took_a_batchs_place_goes_with_its_segment() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store, root.path())).await;
    journal_each(&writer, 3).await;
    store.script([Turn::OutOfWindow]);
    store.open();
    writer.flush(SOON).await.expect("the store is open");
    let is_left = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "refrozen");
    until(&writer, |_| !files(root.path()).iter().any(is_left)).await;
    assert_eq!(writer.shutdown(SOON).await.stored, 3);
}

#[tokio::test]
async fn a_batch_whose_landing_panics_again_and_again_is_safe_in_the_journal() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::new(std::iter::repeat_n(Turn::Panic, 5));
    let writer = start(over(&store, root.path()).spill_after(SOON)).await;
    let id = writer.auditor().record(entry()).durable().await.expect("the journal keeps it, or the store takes it");
    writer.flush(SOON).await.expect("the panics end");
    assert_eq!(ids(&store.batches()), [id]);
    assert_eq!(writer.shutdown(SOON).await.lost, 0);
}

#[tokio::test]
async fn a_full_journal_refuses_and_batches_wait_in_memory() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store, root.path()).journal_bytes(4096).queue_entries(4).overflow(Overflow::Drop)).await;
    let filling = Instant::now() + SOON;
    let mut recorded = Vec::new();
    loop {
        let taken = writer.auditor().record(entry()).await;
        let journal = writer.auditor().journal().expect("there is one");
        assert!(journal.bytes <= 4096, "{journal:?}");
        match taken {
            Ok(id) => recorded.push(id),
            Err(_) if journal.refusal.is_some() => break assert!(journal.is_alarming(), "{journal:?}"),
            Err(_) => {}
        }
        assert!(Instant::now() < filling, "the queue never filled");
        tokio::task::yield_now().await;
    }
    store.open();
    writer.flush(SOON).await.expect("the store is open");
    let report = writer.shutdown(SOON).await;
    assert_eq!(report.lost, 0);
    let stored: HashSet<Uuid> = ids(&store.batches()).into_iter().collect();
    assert!(recorded.iter().all(|id| stored.contains(id)));
}

#[tokio::test]
async fn a_damaged_record_is_told_by_a_lost_header_and_a_gap_entry_and_costs_no_other() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    let recorded = leave(&store, root.path(), 3).await;
    let segment = segments(root.path()).remove(0);
    damage_second(&segment);

    store.open();
    // What is kept is stored then.
    let writer = start(over(&store, root.path()).spill_after(SOON)).await;
    until(&writer, |stats| stats.adopted == 3 && stats.waiting == 0 && stats.emitted == 1).await;
    let stats = writer.shutdown(SOON).await.stats;
    assert_eq!((stats.stored, stats.dropped_by.journal_damaged), (3, 1));
    let batches = store.batches();
    let rows: Vec<_> = batches.iter().flat_map(Batch::rows).collect();
    let gap = rows.iter().find(|row| row.row.action == "audit.gap").expect("an entry tells of it");
    assert_eq!(gap.row.metadata.get("dropped").and_then(serde_json::Value::as_u64), Some(1));
    let told = |key: &str| gap.row.metadata.get(key).map(ToString::to_string);
    assert_eq!(told("reason"), Some("\"journal_damaged\"".to_owned()));
    let stored = ids(&batches);
    assert!(stored.contains(&recorded[1]) && stored.contains(&recorded[2]));
    let place = |id| stored.iter().position(|stored| *stored == id);
    assert!(place(gap.row.id) < place(recorded[2]), "nothing is forgotten before the log tells of the loss");
    let lost = batches.iter().find(|batch| batch.header().kind == HeaderKind::Lost).expect("a header takes its place");
    let next = batches.iter().find(|batch| batch.header().batch_no == 2).expect("the next is stored");
    assert_eq!((lost.header().batch_no, lost.header().n), (1, 1));
    assert_eq!(told("stream_id"), Some(format!("\"{}\"", lost.header().stream_id)));
    assert_eq!(told("batch_no"), Some("1".to_owned()));
    assert_eq!(lost.header().rows_root, next.header().prev_hash);
    let kept = files(root.path());
    assert!(kept.iter().any(|path| path.extension().is_some_and(|extension| extension == "damaged")), "{kept:?}");
}

#[tokio::test]
async fn a_record_damaged_under_a_living_writer_is_told_before_it_is_forgotten_also_at_the_end() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store, root.path())).await;
    let recorded = journal_each(&writer, 3).await;
    damage_second(&segments(root.path())[0]);
    let ending = tokio::spawn(writer.shutdown(SOON));
    store.open();
    let report = ending.await.expect("it ends");
    assert!(report.stats.is_balanced(), "{report:?}");
    // The second record is that of the first entry; the first says that the stream begins.
    assert_eq!((report.lost, report.stats.stored, report.stats.emitted), (1, 3, 4), "{report:?}");
    assert_eq!(actions(&store.batches()), ["audit.gap", "door.opened", "door.opened"]);
    assert!(!ids(&store.batches()).contains(&recorded[0]));
}

#[tokio::test]
async fn a_loss_that_is_found_twice_is_told_once() {
    let (root, again) = (TempDir::new().expect("a directory"), TempDir::new().expect("a directory"));
    let store = ScriptedStore::default();
    leave(&store, root.path(), 3).await;
    damage_second(&segments(root.path())[0]);
    // What the one who found it first left behind when it was killed.
    copy(root.path(), again.path());
    store.open();
    let first = adopted(&store, root.path(), 3).await;
    let second = adopted(&store, again.path(), 3).await;
    assert_eq!((first.emitted, first.dropped, second.emitted, second.dropped), (1, 1, 0, 1));
    assert_eq!(actions(&store.batches()).iter().filter(|action| *action == "audit.gap").count(), 1);
}

#[tokio::test]
async fn a_record_that_is_damaged_once_it_is_stored_is_not_lost() {
    let (root, again) = (TempDir::new().expect("a directory"), TempDir::new().expect("a directory"));
    let store = ScriptedStore::default();
    let recorded = leave(&store, root.path(), 3).await;
    // Killed after the last of them was stored, and before the file was removed.
    copy(root.path(), again.path());
    store.open();
    adopted(&store, root.path(), 3).await;
    damage_second(&segments(again.path())[0]);
    let stats = adopted(&store, again.path(), 3).await;
    assert_eq!((stats.stored, stats.dropped, stats.emitted), (3, 0, 0), "{stats:?}");
    assert_eq!(ids(&store.batches()), recorded);
}

#[tokio::test]
async fn while_the_store_is_away_one_lane_knocks_and_all_recover() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    let builder = over(&store, root.path()).lanes(8).batch_rows(1).longest_pause(Duration::from_millis(200));
    let writer = start(builder).await;
    let mut recorded = HashSet::new();
    for _ in 0..100 {
        recorded.insert(record(&writer).await);
    }
    writer.flush(SOON).await.expect("the store is there");
    store.go_away();
    let before = store.connects();
    let away = Instant::now();
    while away.elapsed() < Duration::from_secs(1) {
        recorded.insert(record(&writer).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Eight that knock by themselves would have done so more than fifty times.
    let knocks = store.connects() - before;
    assert!((2..=25).contains(&knocks), "{knocks}");
    store.come_back();
    writer.flush(SOON).await.expect("the store is back");
    writer.shutdown(SOON).await;
    let stored = ids(&store.batches());
    assert_eq!(stored.len(), recorded.len());
    assert_eq!(stored.into_iter().collect::<HashSet<_>>(), recorded);
}

#[tokio::test]
async fn the_stores_take_what_stands_for_a_lost_batch_once_and_tell_one_that_is_stored() {
    let folder = TempDir::new().expect("a directory");
    let database = tests::postgres::server().database().await;
    let sqlite = format!("sqlite:{}", folder.path().join("audit.db").display());
    for url in [database.url(), sqlite] {
        let adopt = async |root: &Path, adopted: u64| {
            let writer = start(Auditor::builder().url(&url).journal(root).linger(AT_ONCE)).await;
            until(&writer, |stats| stats.adopted == adopted && stats.waiting == 0).await;
            writer.shutdown(SOON).await.stats
        };
        let [lost, found_again, stored, damaged_later] = [(); 4].map(|()| TempDir::new().expect("a directory"));
        for root in [&lost, &stored] {
            leave(&ScriptedStore::default(), root.path(), 3).await;
        }
        damage_second(&segments(lost.path())[0]);
        copy(lost.path(), found_again.path());
        copy(stored.path(), damaged_later.path());
        damage_second(&segments(damaged_later.path())[0]);

        for (root, dropped, told) in [(&lost, 1, 1), (&found_again, 1, 0), (&stored, 0, 0), (&damaged_later, 0, 0)] {
            let stats = adopt(root.path(), 3).await;
            assert_eq!(
                (stats.stored, stats.dropped_by.journal_damaged, stats.emitted),
                (3 - dropped + told, dropped, told)
            );
        }
    }
    let lost: String = database
        .value("SELECT string_agg(batch_no || ' ' || n, ', ') FROM control_plane.audit_batches WHERE kind = 'lost'")
        .await;
    assert_eq!(lost, "1 1");
    // The chain goes on: the third header names the missing one, whose hash the lost one holds.
    let is_chained: bool = database
        .value(
            "SELECT lost.rows_root = next.prev_hash FROM control_plane.audit_batches lost
               JOIN control_plane.audit_batches next USING (stream_id)
              WHERE lost.kind = 'lost' AND next.batch_no = lost.batch_no + 1",
        )
        .await;
    assert!(is_chained);
}
