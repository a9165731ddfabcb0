//! What happens inside the program.

use std::pin::pin;
use std::task::Poll;

use audit_core::{Actor, Context, Error, Outcome, audited, context};
use serde::{Serialize, Serializer};
use tests::oracle::Log;
use tests::postgres::server;
use tokio::runtime;

use crate::support::{SOON, builder, entry_about};

/// Fault 23: the runtime goes, with the calls in it; the writer has one of its own.
#[test]
fn a_dropped_runtime_takes_no_entry_with_it() {
    let (database, writer) = {
        let runtime = runtime::Runtime::new().expect("a runtime");
        let database = runtime.block_on(server().database());
        let writer = runtime.block_on(builder(&database.url()).start()).expect("the writer starts");
        for task in 0..100 {
            let context = Context::new().with_auditor(writer.auditor().clone()).with_actor(Actor::user("user_123"));
            runtime.spawn(context::scope(context, never_ends(task)));
        }
        // Each of them has begun, and is dropped in the middle.
        runtime.block_on(async {
            while STARTED.load(std::sync::atomic::Ordering::SeqCst) < 100 {
                tokio::task::yield_now().await;
            }
        });
        (database, writer)
    };
    let report = writer.shutdown_blocking(SOON);
    assert_eq!((report.stored, report.lost), (100, 0), "{report:?}");
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cancelled = "SELECT count(*) FROM control_plane.audit_logs WHERE outcome = 'cancelled'";
    assert_eq!(runtime.block_on(database.value::<i64>(cancelled)), 100);
    runtime
        .block_on(Log::read(&database.url()))
        .judge(&[].into())
        .with_accounts(&[report.stats])
        .assert_good_and_none_refused();
}

static STARTED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

#[audited(action = "project.deleted", target_id = task)]
async fn never_ends(task: usize) {
    STARTED.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    std::future::pending::<()>().await;
}

/// Fault 23: a current-thread runtime whose thread blocks for the writer, which must not need it.
#[tokio::test(flavor = "current_thread")]
async fn a_blocked_runtime_does_not_block_the_writer() {
    let database = server().database().await;
    let writer = builder(&database.url()).queue_entries(2).start().await.expect("the writer starts");
    for _ in 0..50 {
        writer.auditor().record_blocking(entry_about("door_7")).expect("there is room in time");
    }
    writer.flush_blocking(SOON).expect("the store is there");
    assert_eq!(writer.shutdown_blocking(SOON).stored, 50);
}

struct Unserialisable;

impl Serialize for Unserialisable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("a serialiser that panics")
    }
}

#[audited(action = "project.updated", target_id = "proj_1", metadata(changes = Unserialisable))]
async fn updates() {}

#[audited(action = "project.updated", target_id = "proj_2", metadata(changes = 1))]
async fn panics() {
    panic!("a handler that panics")
}

/// Fault 24: panics in the handler and in the serialiser.
#[tokio::test]
async fn a_panic_in_handler_or_serialiser_leaves_one_entry() {
    let database = server().database().await;
    let writer = builder(&database.url()).start().await.expect("the writer starts");
    let context = Context::new().with_auditor(writer.auditor().clone()).with_actor(Actor::user("user_123"));
    tokio::spawn(context::scope(context.clone(), updates())).await.expect("the serialiser's panic reaches nobody");
    let panicked = tokio::spawn(context::scope(context, panics())).await;
    assert!(panicked.is_err_and(|error| error.is_panic()));
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.stored, report.lost), (2, 0));
    for (target, outcome) in [("proj_1", Outcome::Success), ("proj_2", Outcome::Panicked)] {
        let sql = format!("SELECT outcome FROM control_plane.audit_logs WHERE target_id = '{target}'");
        assert_eq!(database.value::<String>(&sql).await, outcome.as_str());
    }
    Log::read(&database.url()).await.judge(&[].into()).with_accounts(&[report.stats]).assert_good_and_none_refused();
}

const POINTS: usize = 5;

#[audited(action = "project.created", target = "project", target_id = "proj_1")]
async fn awaits_at_many_points(polled: &std::cell::Cell<usize>) -> Result<(), Error> {
    for _ in 1..POINTS {
        polled.set(polled.get() + 1);
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Fault 24: a call dropped before it began leaves nothing, and one dropped at any await point exactly one entry.
#[tokio::test]
async fn a_future_that_is_dropped_at_any_await_point_leaves_one_entry() {
    let database = server().database().await;
    let writer = builder(&database.url()).start().await.expect("the writer starts");
    let mut calls = 0;
    for polls in 0..=POINTS {
        let context = Context::new().with_auditor(writer.auditor().clone()).with_actor(Actor::user("user_123"));
        let polled = std::cell::Cell::new(0);
        let mut call = Box::pin(context::scope(context, awaits_at_many_points(&polled)));
        for poll in 0..polls {
            let ended = pin!(std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready()))).await;
            assert_eq!(ended, poll + 1 == POINTS, "poll {poll} of {polls}");
        }
        drop(call);
        calls += u64::from(polls > 0);
        writer.flush(SOON).await.expect("the store is there");
        assert_eq!(writer.stats().stored, calls, "dropped after {polls} polls");
    }
    let report = writer.shutdown(SOON).await;
    let successes = "SELECT count(*) FROM control_plane.audit_logs WHERE outcome = 'success'";
    assert_eq!(database.value::<i64>(successes).await, 1);
    Log::read(&database.url()).await.judge(&[].into()).with_accounts(&[report.stats]).assert_good_and_none_refused();
}
