//! Auditing that is switched off.

use std::cell::Cell;
use std::pin::Pin;
use std::time::Duration;

use audit_core::{Actor, Auditor, Context, Entry, annotate, audited, context};
use serde::{Serialize, Serializer};
use tests::calls::{row, rows};

use crate::support::on_both_runtimes;

on_both_runtimes! {
    an_annotation_in_a_disabled_call_does_not_reach_the_call_around_it,
    a_future_made_where_auditing_is_disabled_and_run_where_it_is_not_is_recorded_whole,
}

/// Is not to be serialised.
struct Untouchable;

impl Serialize for Untouchable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("it was serialised")
    }
}

fn disabled() -> Context {
    Context::new().with_actor(Actor::user("user_1")).with_auditor(Auditor::disabled())
}

thread_local! {
    static EVALUATED: Cell<u32> = const { Cell::new(0) };
}

fn evaluate() -> u32 {
    EVALUATED.with(|evaluated| evaluated.replace(evaluated.get() + 1))
}

#[audited(action = "project.updated", target_id = evaluate(), metadata(old_value = evaluate(), changes = later))]
fn plain() -> u32 {
    annotate!(changes = Untouchable);
    7
}

#[audited(
    action = "project.updated",
    skip_if = evaluate() > 0,
    target_id = |_| evaluate(),
    actor = Actor::user(evaluate().to_string()),
    metadata(ret new_value = |_| evaluate()),
    err = |_| evaluate()
)]
async fn asynchronous(succeeds: bool) -> Result<u32, &'static str> {
    annotate!(changes = Untouchable);
    if succeeds { Ok(7) } else { Err("no") }
}

#[tokio::test]
async fn a_disabled_call_evaluates_nothing_that_its_attribute_names() {
    let calls = async {
        assert_eq!(plain(), 7);
        assert_eq!(asynchronous(true).await, Ok(7));
        assert_eq!(asynchronous(false).await, Err("no"));
    };
    context::scope(disabled(), calls).await;
    assert_eq!(EVALUATED.get(), 0);
}

#[test]
fn a_disabled_auditor_takes_entries_and_keeps_none() {
    let writer = Auditor::builder().disabled().start_blocking().expect("nothing can go wrong");
    let entry = || Entry::builder(audit_core::AuditAction::ProjectSuspended { reason: None }).build();
    assert!(writer.auditor().record_blocking(entry()).is_ok());
    assert!(writer.auditor().record(entry()).durable().blocking().is_ok());
    let attempt = writer.auditor().attempt_blocking(entry()).expect("nothing keeps the work from beginning");
    assert!(attempt.end(audit_core::Outcome::Success).blocking().is_ok());
    assert!(writer.flush_blocking(Duration::ZERO).is_ok());
    let report = writer.shutdown_blocking(Duration::ZERO);
    assert_eq!((report.stored, report.lost, report.stats.emitted, report.stats.dropped), (0, 0, 0, 0));
}

async fn an_annotation_in_a_disabled_call_does_not_reach_the_call_around_it() {
    #[audited(action = "project.updated", target_id = 1, metadata(changes = later))]
    fn outer() {
        context::sync_scope(disabled(), || {
            plain();
        });
        annotate!(changes = "own");
    }
    assert_eq!(row(async { outer() }).await.metadata.to_string(), r#"{"changes":"own"}"#);
}

async fn a_future_made_where_auditing_is_disabled_and_run_where_it_is_not_is_recorded_whole() {
    #[audited(action = "project.updated", metadata(old_value))]
    fn update(project_id: u64, old_value: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }
    let rows = rows(async {
        let future = context::sync_scope(disabled(), || update(1, 2));
        future.await;
    })
    .await;
    let described: Vec<_> = rows.iter().map(|row| (row.target_id.as_deref(), row.metadata.to_string())).collect();
    assert_eq!(described, [(Some("1"), r#"{"old_value":2}"#.to_owned())]);
}
