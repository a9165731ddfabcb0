//! What the writer promises whatever the store does.

use std::collections::HashSet;
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use audit_core::batch::Batch;
use audit_core::signing::{SignError, Signature, Signer, SigningKey, VerifyingKey};
use audit_core::{
    ActionName, Actor, Auditor, Builder, Context, Entry, Error, Overflow, Stats, WriterGuard, audited, context,
};
use tests::scripted::{ScriptedStore, Turn};
use tracing::{Event, Metadata, Subscriber, span};
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(20);
const AT_ONCE: Duration = Duration::from_millis(1);

fn entry() -> Entry {
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    Entry::builder(action).target_id("door_7").actor(Actor::user("user_123")).build()
}

fn over(store: &ScriptedStore) -> Builder {
    Auditor::builder().store(Arc::new(store.clone())).linger(AT_ONCE).longest_pause(AT_ONCE)
}

async fn start(builder: Builder) -> WriterGuard {
    builder.start().await.expect("the writer starts")
}

fn ids(batches: &[Batch]) -> Vec<Uuid> {
    batches.iter().flat_map(|batch| batch.rows().iter().map(|row| row.row.id)).collect()
}

fn actions(batches: &[Batch]) -> Vec<String> {
    batches.iter().flat_map(|batch| batch.rows().iter().map(|row| row.row.action.clone())).collect()
}

/// Waits until the accounts are as asked.
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

/// A key that can be told to panic, once in each way.
#[derive(Debug)]
struct Panicking {
    key: SigningKey,
    asked_for_its_name: Arc<AtomicBool>,
    asked_to_sign: Arc<AtomicBool>,
    /// Then with what panics once more when it is dropped, which nobody guards against.
    asked_to_sign_for_the_last_time: Arc<AtomicBool>,
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("scripted panic");
    }
}

impl Panicking {
    fn new() -> Self {
        let key = SigningKey::generate("writer").expect("a name");
        Self {
            key,
            asked_for_its_name: Arc::default(),
            asked_to_sign: Arc::default(),
            asked_to_sign_for_the_last_time: Arc::default(),
        }
    }
}

impl Signer for Panicking {
    fn verifying_key(&self) -> &VerifyingKey {
        assert!(!self.asked_for_its_name.swap(false, Ordering::Relaxed), "scripted panic");
        self.key.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        assert!(!self.asked_to_sign.swap(false, Ordering::Relaxed), "scripted panic");
        if self.asked_to_sign_for_the_last_time.swap(false, Ordering::Relaxed) {
            panic_any(PanicsWhenDropped);
        }
        self.key.sign(message)
    }
}

/// How often [`PanickingSubscriber`] heard of a batch that is not signed.
static HEARD: AtomicU64 = AtomicU64::new(0);

/// Panics over each batch that is not signed.
struct PanickingSubscriber;

impl Subscriber for PanickingSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "audit_core::batch::signature"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        HEARD.fetch_add(1, Ordering::Relaxed);
        panic!("scripted panic");
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn what_is_recorded_is_stored_once_in_chained_batches_of_one_stream() {
    let store = ScriptedStore::default();
    let writer = start(over(&store).batch_rows(7)).await;
    let mut recorded = Vec::new();
    for _ in 0..100 {
        recorded.push(writer.auditor().record(entry()).await.expect("there is room"));
    }
    let report = writer.shutdown(SOON).await;

    let batches = store.batches();
    assert_eq!(ids(&batches), recorded);
    assert_eq!((report.stored, report.lost), (100, 0));
    let (mut prev_hash, mut next_seq) = ([0; 32], 0);
    for (batch_no, batch) in (0..).zip(&store.all_batches()) {
        let header = batch.header();
        assert_eq!(header.stream_id, batches[0].header().stream_id);
        assert_eq!((header.batch_no, header.first_seq, header.prev_hash), (batch_no, next_seq, prev_hash));
        assert!(header.n <= 7);
        next_seq += i64::from(header.n);
        prev_hash = *batch.header_hash();
    }
}

#[tokio::test]
async fn the_accounts_tell_how_large_batches_were_and_how_long_each_took() {
    let store = ScriptedStore::default();
    let writer = start(over(&store).batch_rows(7)).await;
    writer.auditor().record(entry()).durable().await.expect("the store takes it");
    store.shut();
    writer.auditor().record(entry()).await.expect("there is room");
    until(&writer, |_| store.waiting() > 0).await;
    let began = Instant::now();
    for _ in 0..99 {
        writer.auditor().record(entry()).await.expect("there is room");
    }
    let waited = began.elapsed();
    store.open();
    let stats = writer.shutdown(SOON).await.stats;

    let sizes: Vec<_> = store.batches().iter().map(|batch| batch.rows().len() as u64).collect();
    assert_eq!((stats.batch_entries.count(), stats.batch_entries.sum()), (sizes.len() as u64, 101));
    assert_eq!(stats.batch_entries.quantile(1.0), Some(8), "the largest have seven: {sizes:?}");
    assert_eq!(stats.landing_us.count(), stats.batches);
    assert!(u128::from(stats.landing_us.sum()) >= waited.as_micros(), "{:?}", stats.landing_us);
}

#[tokio::test]
async fn a_whole_batch_is_frozen_while_the_one_before_it_is_on_its_way() {
    let store = ScriptedStore::default();
    let writer = start(over(&store).lanes(1).batch_rows(3)).await;
    writer.auditor().record(entry()).durable().await.expect("the store takes it");
    store.shut();
    let mut recorded = Vec::new();
    for taken in [1, 1 + 3] {
        while recorded.len() < taken {
            recorded.push(writer.auditor().record(entry()).await.expect("there is room"));
        }
        until(&writer, |stats| (stats.in_flight, stats.queued) == (taken as u64, 0)).await;
    }
    for _ in 0..3 {
        recorded.push(writer.auditor().record(entry()).await.expect("there is room"));
    }
    assert_eq!((writer.stats().in_flight, writer.stats().queued), (4, 3), "its hands are full");
    store.open();
    assert_eq!(writer.shutdown(SOON).await.stored, 8);
    let batches = &store.batches()[1..];
    assert_eq!(batches.iter().map(|batch| batch.rows().len()).collect::<Vec<_>>(), [1, 3, 3]);
    assert_eq!(ids(batches), recorded);
}

#[tokio::test]
async fn a_panic_while_the_next_batch_is_frozen_costs_that_batch_alone() {
    let store = ScriptedStore::default();
    let signer = Panicking::new();
    let asked_to_sign = Arc::clone(&signer.asked_to_sign_for_the_last_time);
    let writer = start(over(&store).lanes(1).batch_rows(2).signer(signer)).await;
    writer.auditor().record(entry()).durable().await.expect("the store takes it");
    store.shut();
    writer.auditor().record(entry()).await.expect("there is room");
    until(&writer, |_| store.waiting() > 0).await;
    asked_to_sign.store(true, Ordering::Relaxed);
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(writer.auditor().record(entry()).await.expect("there is room"));
    }
    let stats = until(&writer, |stats| stats.dropped_by.panicked > 0).await;
    assert_eq!((stats.dropped_by.panicked, stats.in_flight), (2, 1), "{stats:?}");
    store.open();
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.lost, report.stats.waiting), (2, 0), "{report:?}");
    assert_eq!(report.lost_ids, ids);
    assert!(report.stats.is_balanced(), "{report:?}");
    assert_eq!(actions(&store.batches()), ["door.opened", "door.opened", "audit.gap"]);
}

#[tokio::test]
async fn a_key_that_panics_costs_a_signature_and_no_entry_whoever_hears_of_it() {
    tracing::subscriber::set_global_default(PanickingSubscriber).expect("no other test sets one");
    let store = ScriptedStore::default();
    let signer = Panicking::new();
    let panics = [&signer.asked_for_its_name, &signer.asked_to_sign].map(Arc::clone);
    let writer = start(over(&store).lanes(1).signer(signer)).await;
    writer.auditor().record(entry()).durable().await.expect("the store takes it");
    for panics in panics {
        panics.store(true, Ordering::Relaxed);
        writer.auditor().record(entry()).durable().await.expect("the store takes it");
    }
    writer.auditor().record(entry()).durable().await.expect("the store takes it");
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.lost, report.stored), (0, 4));
    assert!(HEARD.load(Ordering::Relaxed) >= 2);
    let batches = store.batches();
    let is_signed = |batch: &Batch| (batch.header().key_id.is_some(), batch.header().sig.is_some());
    assert_eq!(
        batches.iter().map(is_signed).collect::<Vec<_>>(),
        [(true, true), (false, false), (false, false), (true, true)]
    );
}

#[tokio::test]
async fn a_batch_is_sent_unchanged_until_the_store_has_it() {
    let store = ScriptedStore::new([Turn::Fail, Turn::LoseReply, Turn::Fail]);
    let writer = start(over(&store)).await;
    let id = writer.auditor().record(entry()).await.expect("there is room");
    let stats = writer.shutdown(SOON).await.stats;

    assert_eq!(ids(&store.batches()), [id]);
    assert_eq!(store.attempts(), 4);
    assert_eq!((stats.stored, stats.retries), (1, 3));
    assert!(stats.last_error.is_some_and(|error| error.contains("away")));
}

#[tokio::test]
async fn a_batch_of_a_squatted_stream_lands_in_one_of_its_own_and_later_ones_in_a_new_one() {
    let store = ScriptedStore::new([Turn::Squat]);
    let writer = start(over(&store)).await;
    let first = writer.auditor().record(entry()).await.expect("there is room");
    writer.flush(SOON).await.expect("the store takes the second stream");
    let second = writer.auditor().record(entry()).await.expect("there is room");
    writer.shutdown(SOON).await;

    let batches = store.batches();
    assert_eq!(ids(&batches), [first, second]);
    let numbers: Vec<_> = batches.iter().map(|batch| (batch.header().batch_no, batch.header().first_seq)).collect();
    // The new one was opened first.
    assert_eq!(numbers, [(0, 0), (1, 0)]);
    assert_ne!(batches[0].header().stream_id, batches[1].header().stream_id);
    assert!(batches.iter().all(|batch| batch.rows()[0].row.stream_id == batch.header().stream_id));
}

#[tokio::test]
async fn a_squatted_stream_is_left_under_load_too() {
    let store = ScriptedStore::default();
    let writer = start(over(&store).lanes(1).batch_rows(1)).await;
    writer.auditor().record(entry()).durable().await.expect("the store takes it");
    store.shut();
    store.script([Turn::Squat]);
    for _ in 0..8 {
        writer.auditor().record(entry()).await.expect("there is room");
    }
    until(&writer, |stats| stats.in_flight == 2).await;
    store.open();
    assert_eq!(writer.shutdown(SOON).await.stored, 9);
    let mut streams: Vec<_> = store.batches().iter().map(|batch| batch.header().stream_id).collect();
    streams.dedup();
    assert_eq!(streams.len(), 4, "two were in hand, and each has a stream of its own");
}

#[tokio::test]
async fn entries_whose_times_no_partition_takes_are_frozen_again() {
    let store = ScriptedStore::new([Turn::OutOfWindow, Turn::OutOfWindow]);
    let writer = start(over(&store)).await;
    let id = writer.auditor().record(entry()).await.expect("there is room");
    writer.flush(SOON).await.expect("the store takes the third attempt");
    writer.shutdown(SOON).await;
    assert_eq!(ids(&store.batches()), [id]);
    assert_eq!(store.batches()[0].header().batch_no, 0);
}

#[tokio::test]
async fn calls_in_progress_make_nobody_wait_for_an_empty_queue() {
    let store = ScriptedStore::default();
    let writer = start(over(&store).queue_entries(2).overflow(Overflow::Drop)).await;
    let context = Context::new().with_auditor(writer.auditor().clone()).with_actor(Actor::user("user_123"));
    context::sync_scope(context, || nested(10));
    let stats = writer.shutdown(SOON).await.stats;
    assert_eq!((stats.stored, stats.dropped), (11, 0));
}

#[audited(action = "project.deleted", target_id = levels)]
fn nested(levels: u32) {
    if levels > 0 {
        nested(levels - 1);
    }
}

#[tokio::test]
async fn callers_that_go_on_calling_do_not_keep_a_shutdown_from_its_end() {
    let store = ScriptedStore::default();
    let writer = start(over(&store)).await;
    let auditor = writer.auditor().clone();
    let caller = tokio::spawn(async move {
        // Ends when the writer is gone for good, and not before.
        while auditor.stats().dropped < 50_000 {
            let _ = auditor.record(entry()).await;
            tokio::task::yield_now().await;
        }
    });
    until(&writer, |stats| stats.stored > 0).await;
    let report = writer.shutdown(SOON).await;
    assert_eq!(report.lost, 0);
    caller.await.expect("the caller does not panic");
    let gaps = actions(&store.batches()).iter().filter(|action| *action == "audit.gap").count();
    assert!(gaps <= 1, "{gaps} entries tell of the end");
}

#[tokio::test]
async fn a_wait_without_end_is_a_wait_like_any_other() {
    let store = ScriptedStore::default();
    let for_ever = Overflow::Block { at_most: Duration::MAX };
    let writer = start(over(&store).queue_entries(1).batch_rows(1).overflow(for_ever).linger(Duration::MAX)).await;
    for _ in 0..20 {
        writer.auditor().record(entry()).await.expect("there is room in time");
    }
    writer.flush(Duration::MAX).await.expect("the store is open");
    assert_eq!(writer.shutdown(Duration::MAX).await.stored, 20);
}

#[tokio::test]
async fn a_shutdown_does_not_sleep_through_the_stores_return() {
    let store = ScriptedStore::new([Turn::Fail]);
    let writer = start(over(&store).longest_pause(Duration::from_hours(1)).linger(AT_ONCE)).await;
    writer.auditor().record(entry()).await.expect("there is room");
    until(&writer, |stats| stats.retries == 1).await;
    assert_eq!(writer.shutdown(SOON).await.lost, 0);
}

#[tokio::test]
async fn the_bytes_of_the_context_count() {
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store).batch_rows(1).queue_bytes(1 << 20).overflow(Overflow::Drop)).await;
    let mut taken = 0;
    for _ in 0..50 {
        let context = Context::new().with_user_agent("x".repeat(100_000));
        let action = ActionName::unlisted("door.opened").expect("a well-formed name");
        taken += usize::from(writer.auditor().record(Entry::builder(action).context(context).build()).await.is_ok());
    }
    assert!((10..=13).contains(&taken), "{taken}");
    store.open();
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait_until_there_is_room() {
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store).queue_entries(1).batch_rows(1)).await;
    writer.auditor().record(entry()).await.expect("there is room");
    until(&writer, |stats| stats.waiting == 1).await;

    let auditor = writer.auditor().clone();
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let auditor = auditor.clone();
            tokio::spawn(async move { auditor.record(entry()).await })
        })
        .collect();
    store.open();
    for caller in callers {
        caller.await.expect("no caller panics").expect("there is room in time");
    }
    let stats = writer.shutdown(SOON).await.stats;
    assert_eq!((stats.stored, stats.dropped), (21, 0));
}

#[tokio::test]
async fn a_caller_waits_no_longer_than_the_overflow_bound_and_the_log_tells_of_the_gap() {
    let store = ScriptedStore::default();
    store.shut();
    let bound = Duration::from_millis(30);
    let writer = start(over(&store).queue_entries(1).batch_rows(1).overflow(Overflow::Block { at_most: bound })).await;
    // One entry is in the hands of the lane, another fills the queue.
    writer.auditor().record(entry()).await.expect("there is room");
    let filling = Instant::now() + SOON;
    while writer.auditor().record(entry()).await.is_ok() {
        assert!(Instant::now() < filling, "the queue never filled");
    }
    let asked = Instant::now();
    let error = writer.auditor().record(entry()).await.expect_err("the queue is full");
    assert!(matches!(error, Error::Dropped { .. }), "{error}");
    assert!(asked.elapsed() >= bound);
    let dropped = writer.stats().dropped;
    assert!(dropped >= 2);

    store.open();
    let stats = writer.shutdown(SOON).await.stats;
    assert!(stats.is_balanced(), "{stats:?}");
    let batches = store.batches();
    let gaps: Vec<_> = batches.iter().flat_map(Batch::rows).filter(|row| row.row.action == "audit.gap").collect();
    let told: u64 = gaps.iter().filter_map(|row| row.row.metadata.get("dropped")?.as_u64()).sum();
    assert_eq!(told, dropped);
}

#[tokio::test]
async fn a_caller_that_gives_up_waiting_leaves_its_place_to_the_next() {
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store).queue_entries(1).batch_rows(1)).await;
    writer.auditor().record(entry()).await.expect("there is room");
    until(&writer, |stats| stats.waiting == 1).await;
    for _ in 0..50 {
        let waiting = writer.auditor().record(entry());
        let _ = tokio::time::timeout(AT_ONCE, waiting).await;
    }
    store.open();
    writer.auditor().record(entry()).await.expect("every place that was given up is free again");
    let stats = writer.shutdown(SOON).await.stats;
    assert_eq!(stats.emitted, stats.stored);
}

#[tokio::test]
async fn a_flush_ends_when_all_that_was_recorded_before_is_stored_and_not_sooner() {
    let store = ScriptedStore::default();
    // Without the flush, the entry would linger for an hour.
    let writer = start(over(&store).linger(Duration::from_hours(1))).await;
    store.shut();
    let id = writer.auditor().record(entry()).await.expect("there is room");
    let error = writer.flush(Duration::from_millis(30)).await.expect_err("the store is shut");
    assert!(matches!(error, Error::NotFlushed { waiting: 1, .. }), "{error}");
    store.open();
    writer.flush(SOON).await.expect("the store is open");
    assert_eq!(ids(&store.batches()), [id]);
    assert_eq!(writer.shutdown(SOON).await.lost, 0);
}

#[tokio::test]
async fn a_flush_waits_for_every_batch_before_it() {
    let away = std::iter::repeat_n(Turn::Fail, 100_000);
    let store = ScriptedStore::new([Turn::Take].into_iter().chain(away));
    let writer = start(over(&store).batch_rows(1)).await;
    for _ in 0..2 {
        writer.auditor().record(entry()).await.expect("there is room");
    }
    let error = writer.flush(Duration::from_millis(50)).await.expect_err("the second batch is not stored");
    assert!(matches!(error, Error::NotFlushed { waiting: 1, .. }), "{error}");
    assert_eq!(writer.shutdown(AT_ONCE).await.lost, 1);
}

#[tokio::test]
async fn a_shutdown_ends_at_its_deadline_and_tells_what_was_lost() {
    let store = ScriptedStore::default();
    store.shut();
    let writer = start(over(&store).batch_rows(2)).await;
    let auditor = writer.auditor().clone();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(auditor.record(entry()).await.expect("there is room"));
    }
    let mut report = writer.shutdown(Duration::from_millis(30)).await;
    assert_eq!((report.stored, report.lost), (0, 5));
    // Each lane has taken some.
    report.lost_ids.sort();
    ids.sort();
    assert_eq!(report.lost_ids, ids);
    assert!(report.stats.is_balanced());
    assert_eq!(report.stats.waiting, 0);

    let error = auditor.record(entry()).await.expect_err("the writer is gone");
    assert!(error.to_string().contains("no writer"), "{error}");
    assert_eq!(auditor.stats().dropped, 6);
}

#[tokio::test]
async fn a_panic_in_the_writer_costs_no_entry() {
    let store = ScriptedStore::new([Turn::Panic, Turn::Take, Turn::Panic, Turn::Panic]);
    let writer = start(over(&store)).await;
    let mut recorded = Vec::new();
    for _ in 0..3 {
        recorded.push(writer.auditor().record(entry()).await.expect("there is room"));
        writer.flush(SOON).await.expect("the lane begins anew");
    }
    let report = writer.shutdown(SOON).await;
    assert_eq!(ids(&store.batches()), recorded);
    assert_eq!((report.stored, report.lost), (3, 0));
    assert!(report.stats.is_balanced());
}

#[test]
fn the_writer_needs_no_runtime() {
    let store = ScriptedStore::default();
    let writer = over(&store).start_blocking().expect("the writer starts");
    let id = writer.auditor().record_blocking(entry()).expect("there is room");
    writer.flush_blocking(SOON).expect("the store is open");
    assert_eq!(ids(&store.batches()), [id]);
    assert_eq!(writer.shutdown_blocking(SOON).stored, 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_blocking_call_inside_a_runtime_does_not_deadlock_it() {
    let store = ScriptedStore::default();
    store.shut();
    let writer = over(&store).queue_entries(1).batch_rows(1).start_blocking().expect("the writer starts");
    let opener = {
        let store = store.clone();
        std::thread::spawn(move || {
            while store.waiting() == 0 {
                std::thread::yield_now();
            }
            store.open();
        })
    };
    for _ in 0..300 {
        writer.auditor().record_blocking(entry()).expect("there is room in time");
    }
    opener.join().expect("the opener does not panic");
    drop(writer);
    assert_eq!(ids(&store.batches()).len(), 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_accounts_balance_at_every_observation_and_every_entry_is_stored_once() {
    let store = ScriptedStore::new((0..40).map(|n| if n % 3 == 0 { Turn::LoseReply } else { Turn::Fail }));
    let writer = start(over(&store).lanes(3).batch_rows(50).queue_entries(64)).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let auditor = writer.auditor().clone();
            tokio::spawn(async move {
                let mut recorded = Vec::new();
                for _ in 0..500 {
                    recorded.push(auditor.record(entry()).await.expect("there is room in time"));
                    let stats = auditor.stats();
                    assert!(stats.is_balanced(), "{stats:?}");
                }
                recorded
            })
        })
        .collect();
    let mut recorded = HashSet::new();
    for task in tasks {
        recorded.extend(task.await.expect("no task panics"));
    }
    let report = writer.shutdown(SOON).await;
    let stored = ids(&store.batches());
    assert_eq!((report.stored, report.lost), (4000, 0));
    assert_eq!(stored.len(), 4000);
    assert_eq!(stored.into_iter().collect::<HashSet<_>>(), recorded);
}

#[tokio::test]
async fn an_entry_without_an_actor_is_kept_as_unattributed_and_counted() {
    let store = ScriptedStore::default();
    let writer = start(over(&store)).await;
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    writer.auditor().record(Entry::builder(action).build()).await.expect("there is room");
    let stats = writer.shutdown(SOON).await.stats;
    assert_eq!(stats.unattributed, 1);
    let row = store.batches()[0].rows()[0].row.clone();
    assert_eq!((row.actor_type.as_str(), row.actor_id.as_deref()), ("system", Some("unattributed")));
    assert_eq!(actions(&store.batches()), ["door.opened"]);
}
