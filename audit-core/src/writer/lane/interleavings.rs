//! Lanes under `shuttle`, between callers, a flush and the end of the queue, in many orders of their threads. Time stands still,
//! so that whatever needs a wake-up that does not come is a deadlock, which `shuttle` reports.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use shuttle::future::{block_on, yield_now};
use shuttle::thread::{self, JoinHandle};
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

use super::Lane;
use crate::auditor::Overflow;
use crate::batch::{Batch, HeaderKind};
use crate::journal::{Journal, Moves, inspect};
use crate::store::{BoxFuture, Connection, ErrorClass, Landed, Store, StoreError};
use crate::writer::orders::{check, join};
use crate::writer::session::{Delivery, Shared};
use crate::writer::{Limits, Queue};
use crate::{ActionName, Actor, Entry, migrate};

/// Orders of threads to try for each scenario.
const ORDERS: usize = 1_000;
const LONG: Duration = Duration::from_hours(1);

/// A log of which nothing is kept but what tells how much there is.
#[derive(Debug, Default)]
struct Counting {
    rows: AtomicU64,
    ids: Mutex<HashSet<Uuid>>,
    /// Streams that have ended.
    closed: Mutex<HashSet<Uuid>>,
    /// Whether the next batch is refused.
    refuses: AtomicBool,
}

struct CountingConnection(Arc<Counting>);

#[derive(Debug)]
struct CountingStore(Arc<Counting>);

impl Store for CountingStore {
    fn describe(&self) -> String {
        "a store that counts".to_owned()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, StoreError>> {
        let counting = Arc::clone(&self.0);
        Box::pin(async { Ok(Box::new(CountingConnection(counting)) as Box<dyn Connection>) })
    }

    fn migrate(&self) -> BoxFuture<'_, Result<migrate::Report, migrate::Error>> {
        unreachable!("lanes migrate nothing")
    }
}

impl Connection for CountingConnection {
    fn land<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Landed, StoreError>> {
        Box::pin(async {
            thread::yield_now();
            yield_now().await;
            if self.0.refuses.swap(false, Ordering::SeqCst) {
                return Err(StoreError::new(ErrorClass::Transient, "storing a batch", "told to refuse"));
            }
            let header = batch.header();
            let mut closed = self.0.closed.lock().expect("nobody panics with them");
            let is_known = match header.kind {
                HeaderKind::Close => !closed.insert(header.stream_id),
                _ => closed.contains(&header.stream_id),
            };
            assert!(!is_known, "batch {} of a stream that has ended", header.batch_no);
            let mut stored = self.0.ids.lock().expect("nobody panics with them");
            let new = batch.rows().iter().filter(|row| stored.insert(row.row.id)).count() as u64;
            self.0.rows.fetch_add(new, Ordering::SeqCst);
            Ok(Landed::Stored { dead_lettered: 0 })
        })
    }

    fn prepare(&mut self, _: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

fn entry() -> Entry {
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    Entry::builder(action).actor(Actor::user("user_123")).build()
}

/// A queue that cuts batches of one entry, or waits for more until somebody hurries it.
fn queue(batch_rows: usize, lanes: usize) -> Arc<Queue> {
    let overflow = Overflow::Block { at_most: LONG };
    let limits = Limits { entries: 10, bytes: 1 << 20, overflow, batch_rows, batch_bytes: 1 << 20, linger: LONG };
    Arc::new(Queue::new(limits, lanes))
}

/// The writer's lanes, each on a thread of its own.
fn lanes(queue: &Arc<Queue>, lanes: usize, log: &Arc<Counting>) -> Vec<JoinHandle<()>> {
    lanes_with(queue, lanes, log, None)
}

fn lanes_with(
    queue: &Arc<Queue>,
    lanes: usize,
    log: &Arc<Counting>,
    journal: Option<&Arc<Journal>>,
) -> Vec<JoinHandle<()>> {
    let delivery = Delivery { timeout: LONG, longest_pause: LONG, spill_after: LONG, heartbeat: None };
    let shared = Shared {
        queue: Arc::clone(queue),
        store: Arc::new(CountingStore(Arc::clone(log))),
        breaker: Arc::default(),
        condition: Arc::default(),
        delivery,
        signer: None,
    };
    let lane = |index| {
        let lane = Lane::new(index, shared.clone(), journal, Arc::new(Moves::in_memory()));
        thread::spawn(move || {
            let ((_ready, ready), (_stop, stop)) = (watch::channel(true), watch::channel(false));
            block_on(lane.run(ready, stop));
        })
    };
    (0..lanes).map(lane).collect()
}

#[test]
fn lanes_leave_once_and_leave_nothing_behind() {
    check(ORDERS, || {
        let (queue, log) = (queue(1, 2), Arc::default());
        let lanes = lanes(&queue, 2, &log);
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    u64::from(block_on(queue.reserve()).is_ok_and(|place| place.fill(entry()).is_ok()))
                })
            })
            .collect();
        thread::yield_now();
        queue.drain();
        join(lanes);
        queue.close();
        let taken_in: u64 = callers.into_iter().map(|caller| caller.join().expect("no thread panics")).sum();
        let stats = queue.stats();
        assert!(stats.is_balanced(), "{stats:?}");
        assert_eq!((stats.stored, stats.waiting, queue.lost()), (taken_in, 0, 0), "{stats:?}");
        assert_eq!(log.rows.load(Ordering::SeqCst), taken_in);
    });
}

#[test]
fn a_lane_is_woken_by_whoever_waits() {
    check(ORDERS, || {
        let (queue, log) = (queue(10, 1), Arc::default());
        let lanes = lanes(&queue, 1, &log);
        queue.push_unreserved(entry()).expect("there is room");
        let caller = Arc::clone(&queue);
        let durable = thread::spawn(move || {
            let kept = caller.push_unreserved_durably(entry(), LONG).expect("there is room");
            block_on(kept).expect("the lane stores it");
        });
        block_on(queue.flush(LONG)).expect("the lane stores it");
        assert!(log.rows.load(Ordering::SeqCst) > 0);
        join(vec![durable]);
        assert_eq!(log.rows.load(Ordering::SeqCst), 2);
        queue.drain();
        join(lanes);
    });
}

#[test]
fn the_end_of_the_queue_ends_a_pause_after_a_failure() {
    check(ORDERS, || {
        let (queue, log) = (queue(1, 1), Arc::new(Counting::default()));
        log.refuses.store(true, Ordering::SeqCst);
        let lanes = lanes(&queue, 1, &log);
        queue.push_unreserved(entry()).expect("there is room");
        queue.drain();
        join(lanes);
        let stats = queue.stats();
        assert_eq!((stats.stored, stats.retries, stats.waiting), (1, 1, 0), "{stats:?}");
    });
}

#[test]
fn what_is_acknowledged_while_batches_go_to_the_store_and_the_journal_is_in_one_of_them() {
    check(ORDERS, || {
        let root = TempDir::new().expect("a directory");
        let journal = Journal::open(root.path(), 1 << 20).expect("the directory is writable");
        let (queue, log) = (queue(1, 1), Arc::new(Counting::default()));
        log.refuses.store(true, Ordering::SeqCst);
        let lanes = lanes_with(&queue, 1, &log, Some(&journal));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let callers = (0..3).map(|_| {
            let (queue, log, root) = (Arc::clone(&queue), Arc::clone(&log), root.path().to_owned());
            let acknowledged = Arc::clone(&acknowledged);
            thread::spawn(move || {
                let Ok(kept) = queue.push_unreserved_durably(entry(), LONG) else { return };
                block_on(kept).expect("the store takes it");
                let acknowledged = acknowledged.fetch_add(1, Ordering::SeqCst) + 1;
                let journal = inspect(&root).expect("it is there");
                let kept = log.rows.load(Ordering::SeqCst) + journal.writers.iter().map(|it| it.entries).sum::<u64>();
                assert!(acknowledged <= kept, "{acknowledged} acknowledged, {kept} kept");
            })
        });
        let callers = callers.collect();
        thread::yield_now();
        queue.drain();
        join(lanes);
        join(callers);
        let stats = queue.stats();
        assert_eq!((stats.waiting, queue.lost()), (0, 0), "{stats:?}");
        assert_eq!(log.rows.load(Ordering::SeqCst), stats.stored);
    });
}
