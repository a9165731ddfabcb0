//! Functions that return a future: what comes before it, and what it is.

use std::future::{pending, ready};
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;

use audit_core::{Auditor, Context, Outcome, annotate, audited, context};
use serde_json::json;
use tests::calls::{SOON, row, rows};
use tests::scripted::ScriptedStore;

use crate::support::on_both_runtimes;

on_both_runtimes! {
    a_panic_before_the_future_is_returned_is_recorded_as_panicked_and_goes_on,
    what_is_annotated_before_the_future_is_returned_joins_the_call,
    a_future_that_is_returned_and_never_polled_is_no_call,
}

#[audited(action = "project.updated", metadata(changes = later, new_value = later))]
fn prepared(project_id: u32, names: &[&'static str]) -> impl Future<Output = &'static str> {
    annotate!(changes = names.len());
    let first = names[0];
    async move {
        annotate!(new_value = first);
        ready(first).await
    }
}

#[audited(action = "project.updated", metadata(changes = later))]
fn prepared_and_boxed(project_id: u32, names: &[&'static str]) -> Pin<Box<dyn Future<Output = &'static str> + Send>> {
    annotate!(changes = names.len());
    let first = names[0];
    Box::pin(ready(first))
}

#[audited(action = "project.updated")]
fn never_prepared(project_id: u32) -> impl Future<Output = impl Sized> {
    assert_ne!(project_id, 1, "as asked");
    ready(project_id)
}

async fn a_panic_before_the_future_is_returned_is_recorded_as_panicked_and_goes_on() {
    let rows = rows(async {
        let payload = catch_unwind(|| drop(prepared(1, &[]))).unwrap_err();
        assert!(payload.downcast_ref::<String>().is_some_and(|text| text.contains("index out of bounds")));
        catch_unwind(|| drop(prepared_and_boxed(2, &[]))).unwrap_err();
        catch_unwind(|| drop(never_prepared(1))).unwrap_err();
    })
    .await;
    let seen: Vec<_> = rows.iter().map(|row| (row.outcome, row.target_id.as_deref())).collect();
    let panicked = |id| (Outcome::Panicked, Some(id));
    assert_eq!(seen, [panicked("1"), panicked("2"), panicked("1")]);
    assert_eq!(rows[0].metadata.get("changes"), Some(&json!(0)));
    assert!(rows.iter().all(|row| row.actor_id.as_deref() == Some("user_1") && row.duration_us.is_some()));
}

async fn what_is_annotated_before_the_future_is_returned_joins_the_call() {
    let row = row(async { assert_eq!(prepared(1, &["a", "b"]).await, "a") }).await;
    assert_eq!((row.metadata.get("changes"), row.metadata.get("new_value")), (Some(&json!(2)), Some(&json!("a"))));
}

async fn a_future_that_is_returned_and_never_polled_is_no_call() {
    let work = async { drop((prepared(1, &["a"]), prepared_and_boxed(1, &["a"]), never_prepared(2))) };
    assert_eq!(rows(work).await, []);
}

#[test]
fn a_panic_before_the_future_is_returned_waits_for_no_place_in_the_queue() {
    let store = ScriptedStore::default();
    store.shut();
    let builder = Auditor::builder().store(Arc::new(store.clone())).queue_entries(1);
    let writer = builder.start_blocking().expect("the writer starts");
    let context = Context::new().with_auditor(writer.auditor().clone());
    context::sync_scope(context, || {
        for _ in 0..1000 {
            if writer.auditor().stats().dropped > 0 {
                break;
            }
            catch_unwind(|| drop(prepared(1, &[]))).unwrap_err();
        }
    });
    store.open();
    let report = writer.shutdown_blocking(SOON);
    assert_eq!(report.stats.dropped, 1);
}

mod plain {
    use super::*;

    #[expect(clippy::large_types_passed_by_value, reason = "the future is to be large")]
    pub(super) fn boxed(size: [u8; 2048]) -> Pin<Box<dyn Future<Output = usize>>> {
        Box::pin(async move {
            pending::<()>().await;
            size.len()
        })
    }
}

#[expect(clippy::large_types_passed_by_value, reason = "the future is to be large")]
#[audited(action = "project.updated", target_id = 1)]
fn boxed(size: [u8; 2048]) -> Pin<Box<dyn Future<Output = usize>>> {
    Box::pin(async move {
        pending::<()>().await;
        size.len()
    })
}

#[test]
fn a_future_that_is_boxed_is_boxed_once() {
    // What stands in a second box would not count.
    assert!(size_of_val(&*boxed([0; 2048])) >= size_of_val(&*plain::boxed([0; 2048])));
}
