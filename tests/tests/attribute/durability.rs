//! What `durability = "durable"` and `"before"` promise.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use audit_core::{Actor, Auditor, Context, Entry, Error, Row, Stats, WriterGuard, context};
use tests::calls::SOON;
use tests::scripted::ScriptedStore;
use tokio::runtime;

use self::catalog::{Action, audited};
use crate::support::poll_once;

/// A catalog of doors that ask for durability.
mod catalog {
    #[derive(audit_core::Catalog)]
    pub(super) enum Action {
        #[audit(action = "door.opened", target = "door")]
        Opened,
        #[audit(action = "door.locked", target = "door", durability = "durable")]
        Locked,
        #[audit(action = "door.removed", target = "door", durability = "before")]
        Removed { reason: Option<String> },
    }
}

#[derive(Debug)]
enum Failed {
    Jammed,
    Refused(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("jammed")
    }
}

/// A writer that lingers for an hour unless somebody waits, over a store in memory.
struct Log {
    store: ScriptedStore,
    writer: WriterGuard,
}

impl Log {
    fn new() -> Self {
        Self::with_timeout(SOON)
    }

    fn with_timeout(timeout: Duration) -> Self {
        let store = ScriptedStore::default();
        let builder = Auditor::builder().store(Arc::new(store.clone())).linger(Duration::from_hours(1));
        let writer = builder.durable_timeout(timeout).start_blocking().expect("the writer starts");
        Self { store, writer }
    }

    fn context(&self) -> Context {
        Context::new().with_actor(Actor::user("user_1")).with_auditor(self.writer.auditor().clone())
    }

    fn rows(&self) -> Vec<Row> {
        let batches = self.store.batches();
        batches.iter().flat_map(|batch| batch.rows().iter().map(|row| row.row.clone())).collect()
    }

    fn outcomes(&self) -> Vec<&'static str> {
        self.rows().iter().map(|row| row.outcome.as_str()).collect()
    }

    fn sync<T>(&self, work: impl FnOnce() -> T) -> T {
        context::sync_scope(self.context(), work)
    }

    /// Opens the store, and writes what waits.
    fn close(self) -> (Vec<Row>, Stats) {
        self.store.open();
        let Self { store, writer } = self;
        let report = writer.shutdown_blocking(SOON);
        assert!(report.stats.is_balanced(), "{:?}", report.stats);
        (store.rows(), report.stats)
    }
}

fn on_each_runtime(work: impl AsyncFn(Log)) {
    let current_thread = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let multi_thread = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    for runtime in [current_thread, multi_thread] {
        let log = Log::new();
        runtime.block_on(context::scope(log.context(), work(log)));
    }
}

/// That an end names its attempt, and shares its target and actor.
fn assert_names(ended: &Row, attempted: &Row) {
    assert_eq!(attempted.outcome.as_str(), "attempted");
    assert_eq!((attempted.attempt_id, attempted.duration_us), (None, None));
    assert_eq!(ended.attempt_id, Some(attempted.id));
    assert_eq!((&ended.target_id, &ended.actor_id), (&attempted.target_id, &attempted.actor_id));
}

#[audited(action = "door.opened", durability = "durable", target_id = id)]
async fn open(id: u32) -> u32 {
    id
}

#[audited(action = "door.opened", durability = "durable", target_id = id)]
fn open_sync(id: u32) -> u32 {
    id
}

#[test]
fn a_durable_function_returns_when_its_entry_is_stored() {
    on_each_runtime(async |log| {
        assert_eq!(open(7).await, 7);
        assert_eq!(log.outcomes(), ["success"]);
        assert_eq!(open_sync(8), 8);
        assert_eq!(log.outcomes(), ["success", "success"]);
    });
    let log = Log::new();
    assert_eq!(log.sync(|| open_sync(9)), 9);
    assert_eq!(log.outcomes(), ["success"]);
}

#[test]
fn a_durable_function_gives_its_value_when_its_entry_is_not_kept_in_time() {
    let log = Log::with_timeout(Duration::from_millis(20));
    log.store.shut();
    assert_eq!(log.sync(|| open_sync(7)), 7);
    assert_eq!(log.writer.stats().unconfirmed, 1);
    let (rows, stats) = log.close();
    assert_eq!((rows.len(), stats.stored, stats.unconfirmed), (1, 1, 1));
}

#[test]
fn a_durable_call_that_is_dropped_while_it_waits_has_ended_once() {
    let log = Log::new();
    log.store.shut();
    log.sync(|| {
        let mut call = pin!(open(7));
        assert!(poll_once(call.as_mut()).is_pending());
    });
    let (rows, _) = log.close();
    assert_eq!(rows.iter().map(|row| row.outcome.as_str()).collect::<Vec<_>>(), ["success"]);
}

#[audited(action = "door.opened", durability = "before", target_id = 7, metadata(reason = "fire", later = later))]
async fn break_open(log: &Log, fails: bool) -> Result<u32, Failed> {
    assert_eq!(log.outcomes().last(), Some(&"attempted"));
    tokio::task::yield_now().await;
    audit_core::annotate!(later = 1);
    if fails { Err(Failed::Jammed) } else { Ok(7) }
}

#[audited(action = "door.opened", durability = "before", target_id = 7, metadata(reason = "fire"))]
fn break_open_sync(log: &Log) -> Result<u32, Failed> {
    assert_eq!(log.outcomes().last(), Some(&"attempted"));
    Ok(7)
}

#[test]
fn an_attempt_is_stored_before_the_body_runs_and_its_end_names_it() {
    on_each_runtime(async |log| {
        break_open(&log, false).await.expect("the door gives way");
        break_open(&log, true).await.expect_err("the door is jammed");
        break_open_sync(&log).expect("the door gives way");
        assert_eq!(log.outcomes(), ["attempted", "success", "attempted", "failure", "attempted", "success"]);
        for pair in log.rows().chunks(2) {
            assert_names(&pair[1], &pair[0]);
            assert!(pair.iter().all(|row| row.metadata.get("reason") == Some(&"fire".into())));
        }
        assert_eq!(log.rows()[0].metadata.get("later"), None);
        assert_eq!(log.rows()[1].metadata.get("later"), Some(&1.into()));
        assert_eq!(log.rows()[3].error.as_deref(), Some("jammed"));
    });
    let log = Log::new();
    log.sync(|| break_open_sync(&log)).expect("the door gives way");
    assert_eq!(log.outcomes(), ["attempted", "success"]);
}

#[audited(action = "door.removed", target_id = id, metadata(reason = "worn"))]
async fn remove(id: u32, removed: &Cell<bool>) -> Result<(), Failed> {
    removed.set(true);
    std::future::pending::<()>().await;
    Ok(())
}

#[audited(action = "door.removed", target_id = id, metadata(reason = "worn"))]
fn remove_sync(id: u32, removed: &Cell<bool>) -> Result<(), Failed> {
    removed.set(true);
    panic!("the hinges break");
}

#[test]
fn what_cannot_be_announced_in_time_is_not_run_and_its_attempt_has_an_end() {
    let removed = Cell::new(false);
    let log = Log::with_timeout(Duration::from_millis(20));
    log.store.shut();
    let refused = log.sync(|| remove_sync(7, &removed)).expect_err("the store is shut");
    assert!(matches!(refused, Failed::Refused(Error::NotDurable { .. })), "{refused:?}");
    let runtime = runtime::Builder::new_current_thread().build().expect("a runtime");
    let refused = runtime.block_on(context::scope(log.context(), remove(8, &removed))).expect_err("the store is shut");
    assert!(matches!(refused, Failed::Refused(Error::NotDurable { .. })), "{refused:?}");
    assert!(!removed.get());

    let (rows, stats) = log.close();
    assert_eq!(stats.unconfirmed, 2);
    assert_eq!(rows.len(), 4);
    for pair in rows.chunks(2) {
        assert_names(&pair[1], &pair[0]);
        assert_eq!(pair[1].outcome.as_str(), "failure");
        assert!(pair[1].error.as_deref().is_some_and(|error| error.starts_with("not run: ")));
    }
}

#[test]
fn an_announced_call_that_is_dropped_or_panics_has_one_end() {
    let removed = Cell::new(false);
    let log = Log::new();
    log.store.shut();
    log.sync(|| {
        let mut call = pin!(remove(7, &removed));
        assert!(poll_once(call.as_mut()).is_pending());
    });
    assert!(!removed.get(), "it was dropped while it waited to be announced");
    log.store.open();
    log.sync(|| {
        let work = std::panic::AssertUnwindSafe(|| remove_sync(7, &removed));
        std::panic::catch_unwind(work).expect_err("the hinges break");
    });
    assert!(removed.get());
    let (rows, _) = log.close();
    let outcomes: Vec<_> = rows.iter().map(|row| row.outcome.as_str()).collect();
    assert_eq!(outcomes, ["attempted", "cancelled", "attempted", "panicked"]);
    assert_names(&rows[1], &rows[0]);
    assert_names(&rows[3], &rows[2]);
}

#[test]
fn a_call_that_nobody_could_hear_of_is_not_run() {
    let removed = Cell::new(false);
    let refused = remove_sync(7, &removed).expect_err("there is no auditor");
    assert!(matches!(refused, Failed::Refused(Error::NotInitialised { .. })), "{refused:?}");

    let log = Log::new();
    let gone = log.context();
    assert!(log.close().0.is_empty());
    let refused = context::sync_scope(gone, || remove_sync(7, &removed)).expect_err("the writer has gone");
    assert!(matches!(refused, Failed::Refused(Error::Dropped { .. })), "{refused:?}");
    assert!(!removed.get());
}

#[audited(action = "door.removed", target_id = 7, skip_if = true)]
fn rehearse() -> Result<u32, Failed> {
    Ok(7)
}

#[test]
fn a_call_that_is_skipped_asks_for_nothing() {
    assert_eq!(rehearse().expect("nothing is asked for"), 7);
}

#[audited(action = "door.locked")]
fn lock(door_id: u32) {}

#[audited(action = "door.locked", durability = "queued")]
fn lock_fast(door_id: u32) {}

struct Door;

#[audited(durability = "durable", target_id = 7)]
impl Door {
    #[audited(action = "door.opened")]
    fn open() {}

    #[audited(action = "door.opened", durability = "queued")]
    fn peek() {}
}

#[test]
fn the_attribute_wins_over_the_block_and_both_over_the_catalog() {
    let log = Log::new();
    log.sync(|| lock_fast(7));
    log.sync(Door::peek);
    assert_eq!(log.outcomes().len(), 0);
    log.sync(|| lock(7));
    assert_eq!(log.outcomes().len(), 3);
    log.sync(Door::open);
    assert_eq!(log.outcomes().len(), 4);
}

#[test]
fn the_durability_of_the_catalog_counts_for_entries_made_by_hand() {
    let log = Log::new();
    let auditor = log.writer.auditor();
    auditor.record_blocking(Entry::builder(Action::Opened).target_id("7").build()).expect("there is room");
    assert_eq!(log.outcomes().len(), 0);
    auditor.record_blocking(Entry::builder(Action::Locked).target_id("7").build()).expect("there is room");
    assert_eq!(log.outcomes(), ["success", "success"]);
    // What was done already cannot be announced: it is durable when this returns.
    let done = Entry::builder(Action::Removed { reason: None }).target_id("7").build();
    auditor.record_blocking(done).expect("there is room");
    assert_eq!(log.outcomes(), ["success", "success", "success"]);
    assert!(audit_core::catalog::render::markdown::<Action>().contains("### `door.removed`\n\nDurability: `before`."));
}

#[audited(action = "door.opened", target_id = 7)]
async fn opened() -> Rc<u32> {
    Rc::new(7)
}

#[test]
fn the_future_of_a_queued_call_holds_no_value() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    let call = opened();
    is_send_and_sync(&call);
}
