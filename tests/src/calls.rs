//! The log that some calls leave, and the runtimes on which they are made.

use std::sync::Arc;
use std::time::Duration;

use audit_core::{Actor, Auditor, Context, Row, context};

use crate::scripted::ScriptedStore;

/// Longest wait for the writer to end.
pub const SOON: Duration = Duration::from_secs(20);

/// What the log holds after `work` was done by `user_1`.
///
/// # Panics
///
/// Where the writer does not start, or loses an entry.
pub async fn rows(work: impl Future<Output = ()>) -> Vec<Row> {
    let store = ScriptedStore::default();
    let writer = Auditor::builder().store(Arc::new(store.clone())).start().await.expect("the writer starts");
    let context = Context::new().with_actor(Actor::user("user_1")).with_auditor(writer.auditor().clone());
    context::scope(context, work).await;
    assert_eq!(writer.shutdown(SOON).await.lost, 0);
    store.rows()
}

/// The same, of one call.
///
/// # Panics
///
/// Where the log holds anything but one entry.
pub async fn row(work: impl Future<Output = ()>) -> Row {
    let mut rows = rows(work).await;
    assert_eq!(rows.len(), 1, "one call, one entry: {rows:?}");
    rows.remove(0)
}
