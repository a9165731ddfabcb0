//! What the tests of the attribute share: the log that some work leaves, and futures polled by hand.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use audit_core::{Actor, Auditor, Context, Row, context};
use tests::scripted::ScriptedStore;

/// Longest wait for the writer to end.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What the log holds after `work` was done by `user_1`.
pub(crate) fn rows(work: impl FnOnce()) -> Vec<Row> {
    let store = ScriptedStore::default();
    let writer = Auditor::builder().store(Arc::new(store.clone())).start_blocking().expect("the writer starts");
    let context = Context::new().with_actor(Actor::user("user_1")).with_auditor(writer.auditor().clone());
    context::sync_scope(context, work);
    let report = writer.shutdown_blocking(SOON);
    assert_eq!(report.lost, 0);
    store.batches().iter().flat_map(|batch| batch.rows().iter().map(|row| row.row.clone())).collect()
}

pub(crate) fn row(work: impl FnOnce()) -> Row {
    let rows = rows(work);
    assert_eq!(rows.len(), 1, "one call, one entry: {rows:?}");
    rows.into_iter().next().expect("there is one")
}

/// Polls a future to its end on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread");
    let here = Context::current();
    runtime.block_on(context::scope(here, future))
}

pub(crate) fn poll_once<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Task::from_waker(Waker::noop()))
}

pub(crate) async fn forever() {
    std::future::pending::<()>().await;
}
