//! Auditing switched off for the whole program: one test, because there is one global auditor to a process.

use std::sync::Arc;
use std::time::Duration;

use audit_core::{Actor, Auditor, Context, annotate, audited, context};
use serde::{Serialize, Serializer};
use sqlx::{Connection as _, SqliteConnection};
use tests::calls::SOON;
use tests::scripted::ScriptedStore;

/// Is not to be serialised.
struct Untouchable;

impl Serialize for Untouchable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("it was serialised")
    }
}

#[audited(action = "project.updated", metadata(changes = later))]
fn update<T: Serialize>(project_id: u64, changes: T) -> u64 {
    annotate!(changes = changes);
    project_id
}

#[audited(action = "project.updated", metadata(changes = later))]
async fn update_later<T: Serialize>(project_id: u64, changes: T) -> u64 {
    tokio::task::yield_now().await;
    annotate!(changes = changes);
    project_id
}

#[audited(action = "project.deleted", durability = "durable", metadata(reason = untouched()))]
async fn delete(project_id: u64) -> u64 {
    project_id
}

#[audited(action = "project.deleted", durability = "before", metadata(reason = untouched()))]
async fn announce(project_id: u64) -> Result<u64, audit_core::Error> {
    Ok(project_id)
}

#[audited(action = "project.deleted", durability = "before", metadata(reason = untouched()))]
fn announce_now(project_id: u64) -> Result<u64, audit_core::Error> {
    Ok(project_id)
}

/// The database has no outbox: an entry would be refused.
#[audited(action = "project.created", target_id = |id| *id, tx = connection, metadata(changes = untouched()))]
async fn create(connection: &mut SqliteConnection) -> Result<u64, audit_core::Error> {
    connection.ping().await.expect("the database is there");
    Ok(7)
}

fn untouched() -> String {
    panic!("it was captured")
}

async fn every_call_runs_and_is_refused_nothing() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.expect("memory can be opened");
    assert_eq!(update(1, Untouchable), 1);
    assert_eq!(update_later(2, Untouchable).await, 2);
    assert_eq!(delete(3).await, 3);
    assert_eq!(announce(4).await.ok(), Some(4));
    assert_eq!(announce_now(5).ok(), Some(5));
    assert_eq!(create(&mut connection).await.ok(), Some(7));
}

#[tokio::test]
async fn where_auditing_is_off_calls_run_and_leave_nothing_until_a_context_brings_an_auditor() {
    let off = Auditor::builder().disabled().init().await.expect("there is no other");
    every_call_runs_and_is_refused_nothing().await;
    context::scope(Context::new().with_actor(Actor::user("user_1")), every_call_runs_and_is_refused_nothing()).await;
    assert_eq!((Auditor::unheard(), off.stats().emitted, off.stats().dropped), (0, 0, 0));

    // A call that began while auditing was off hears its own annotations, and not the call around it.
    let mut early = Box::pin(update_later(1, Untouchable));
    assert!(poll_once(early.as_mut()).is_pending());
    let store = ScriptedStore::default();
    let writer = Auditor::builder().store(Arc::new(store.clone())).start().await.expect("the writer starts");
    let here = Context::new().with_actor(Actor::user("user_1")).with_auditor(writer.auditor().clone());
    context::scope(here, async {
        update(2, "own");
        around(early).await;
    })
    .await;
    every_call_runs_and_is_refused_nothing().await;
    assert_eq!(writer.shutdown(SOON).await.lost, 0);
    let rows: Vec<_> = store.batches().iter().flat_map(|batch| batch.rows().to_vec()).collect();
    let described: Vec<_> =
        rows.iter().map(|row| (row.row.target_id.as_deref(), row.row.metadata.to_string())).collect();
    assert_eq!(described, [(Some("2"), r#"{"changes":"own"}"#.to_owned()), (Some("3"), "{}".to_owned())]);
    assert_eq!((Auditor::unheard(), off.shutdown(Duration::ZERO).await.stored), (0, 0));
}

#[audited(action = "project.updated", target_id = 3)]
async fn around(early: impl Future<Output = u64>) {
    early.await;
}

fn poll_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> std::task::Poll<T> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}
