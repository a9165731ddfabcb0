//! Whose work an entry tells of, wherever the work goes on.

use std::sync::Arc;
use std::thread;

use audit_core::context::{self, InContext};
use audit_core::query::Filter;
use audit_core::{Actor, AuditAction, Auditor, Context, Entry, Error, Row, Target, audited};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use tests::calls::{SOON, row, rows};
use tests::scripted::ScriptedStore;

#[audited(action = "project.updated")]
fn touch(project_id: &str) {}

#[audited(action = "project.deleted", durability = "before")]
fn remove(project_id: &str) -> Result<(), Error> {
    Ok(())
}

#[audited(action = "project.updated")]
async fn touch_for_ever(project_id: &str) {
    std::future::pending::<()>().await;
}

/// Runs the test on both of tokio's schedulers.
fn on_both<F: Future<Output = ()>>(test: impl Fn() -> F) {
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    one.block_on(test());
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    many.block_on(test());
}

fn actors(rows: &[Row]) -> Vec<&str> {
    rows.iter().filter_map(|row| row.actor_id.as_deref()).collect()
}

#[test]
fn work_that_goes_on_elsewhere_stays_the_same_actors() {
    on_both(|| async {
        let rows = rows(async {
            context::spawn(async { touch("spawned") }).await.unwrap();
            tokio::spawn(async { touch("carried") }.in_audit_context()).await.unwrap();
            context::spawn_blocking(|| touch("blocking")).await.unwrap();
            thread::spawn(context::carry(|| touch("thread"))).join().unwrap();
            rayon::join(context::carry(|| touch("left")), context::carry(|| touch("right")));
            let context = Context::current();
            (0..8).into_par_iter().for_each(|part| {
                context::sync_scope(context.clone(), || touch(&format!("part {part}")));
            });
        })
        .await;
        assert_eq!(actors(&rows), ["user_1"; 14]);
    });
}

#[tokio::test]
async fn a_thread_is_left_as_it_was() {
    rows(async {
        thread::spawn(|| {
            context::sync_scope(Context::system("sweep"), || ());
            let panicked =
                std::panic::catch_unwind(|| context::sync_scope(Context::system("sweep"), || panic!("scripted")));
            assert!(panicked.is_err());
            assert!(Context::current().actor().is_none());
        })
        .join()
        .unwrap();
    })
    .await;
    assert!(Context::current().auditor().is_none());
}

#[tokio::test]
async fn what_becomes_known_inside_a_scope_stays_in_it() {
    let rows = rows(async {
        let request = Context::new().with_request_id("req_9");
        context::scope(request, async {
            touch("before");
            tokio::task::yield_now().await;
            context::update(|context| context.with_actor(Actor::user("user_2")));
            tokio::task::yield_now().await;
            touch("after");
        })
        .await;
        touch("outside");
    })
    .await;
    assert_eq!(actors(&rows), [Actor::UNATTRIBUTED, "user_2", "user_1"]);
    let requests: Vec<_> = rows.iter().map(|row| row.request_id.as_deref()).collect();
    assert_eq!(requests, [Some("req_9"), Some("req_9"), None]);
}

#[test]
fn an_update_outside_of_every_scope_changes_nobodys_context() {
    context::update(|context| context.with_actor(Actor::user("user_2")));
    assert!(Context::current().actor().is_none());
}

#[tokio::test]
async fn a_future_that_is_dropped_is_recorded_as_its_scope_was_left() {
    let row = row(async {
        let mut work = Box::pin(context::scope(Context::new(), async {
            context::update(|context| context.with_actor(Actor::user("user_2")));
            touch_for_ever("proj_1").await;
        }));
        assert!(poll_once(work.as_mut()).await.is_none());
        drop(work);
    })
    .await;
    assert_eq!((row.actor_id.as_deref(), row.outcome.as_str()), (Some("user_2"), "cancelled"));
}

/// One poll.
async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut future).poll(cx) {
        std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_job_is_recorded_as_the_work_of_whoever_queued_it() {
    let row = row(async {
        let context = Context::current()
            .with_ip_address("2001:db8::1".parse::<std::net::IpAddr>().unwrap())
            .with_user_agent("curl/8")
            .with_request_id("req_9")
            .with_tenant_id("acme")
            .with_on_behalf_of("user_7")
            .with_trace_id("0af7651916cd43dd8448eb211c80319c")
            .with_span_id("b7ad6b7169203331")
            .with_origin("queue:mail");
        let payload = serde_json::to_vec(&context).unwrap();
        let known = thread::spawn(move || serde_json::from_slice::<Context>(&payload).unwrap()).join().unwrap();
        assert!(known.auditor().is_none(), "a payload names no auditor");
        context::sync_scope(known, || touch("proj_1"));
    })
    .await;
    assert_eq!(row.actor_id.as_deref(), Some("user_1"));
    assert_eq!(row.ip_address, Some("2001:db8::1".parse().unwrap()));
    assert_eq!(row.user_agent.as_deref(), Some("curl/8"));
    assert_eq!(row.request_id.as_deref(), Some("req_9"));
    assert_eq!(row.tenant_id.as_deref(), Some("acme"));
    assert_eq!(row.on_behalf_of.as_deref(), Some("user_7"));
    assert_eq!(row.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(row.span_id.as_deref(), Some("b7ad6b7169203331"));
    assert_eq!(row.origin.as_deref(), Some("queue:mail"));
}

#[test]
fn an_empty_context_survives_a_payload() {
    let payload = serde_json::to_string(&Context::new()).unwrap();
    assert!(serde_json::from_str::<Context>(&payload).unwrap().actor().is_none());
    assert!(serde_json::from_str::<Context>("{}").unwrap().actor().is_none());
}

#[tokio::test]
async fn an_entry_without_an_actor_is_found_and_counted() {
    let store = ScriptedStore::default();
    let writer = Auditor::builder().store(Arc::new(store.clone())).start().await.unwrap();
    let nobody = Context::new().with_auditor(writer.auditor().clone());
    context::sync_scope(nobody.clone(), || touch("proj_1"));
    context::sync_scope(nobody.with_actor(Actor::user("user_1")), || touch("proj_2"));
    let stats = writer.shutdown(SOON).await.stats;
    assert_eq!((stats.emitted, stats.unattributed), (2, 1));
    let filter: Filter = "actor:system/unattributed".parse().unwrap();
    let found: Vec<_> =
        store.rows().into_iter().filter(|row| filter.matches(row)).filter_map(|row| row.target_id).collect();
    assert_eq!(found, ["proj_1"]);
}

#[tokio::test]
async fn a_required_actor_that_is_missing_is_an_error_wherever_the_caller_can_be_told() {
    let store = ScriptedStore::default();
    let builder = Auditor::builder().store(Arc::new(store.clone())).require_actor();
    let writer = builder.start().await.unwrap();
    let nobody = Context::new().with_auditor(writer.auditor().clone());
    let entry =
        || Entry::builder(AuditAction::ProjectDeleted { reason: None }).target(Target::project("proj_1")).build();

    let refused = context::scope(nobody.clone(), async { writer.auditor().record(entry()).await }).await.unwrap_err();
    assert!(matches!(&refused, Error::NoActor { action } if action == "project.deleted"), "{refused}");
    let refused = context::scope(nobody.clone(), writer.auditor().attempt(entry())).await.unwrap_err();
    assert!(matches!(refused, Error::NoActor { .. }), "{refused}");
    let refused = context::sync_scope(nobody.clone(), || remove("proj_2")).unwrap_err();
    assert!(matches!(refused, Error::NoActor { .. }), "{refused}");
    // Nobody could be told of this one.
    context::sync_scope(nobody.clone(), || touch("proj_3"));
    context::sync_scope(nobody.with_actor(Actor::user("user_1")), || remove("proj_4")).unwrap();

    let stats = writer.shutdown(SOON).await.stats;
    assert_eq!((stats.refused, stats.unattributed, stats.emitted), (3, 1, 3), "{stats:?}");
    let targets: Vec<_> = store.rows().into_iter().filter_map(|row| row.target_id).collect();
    assert_eq!(targets, ["proj_3", "proj_4", "proj_4"]);
}
