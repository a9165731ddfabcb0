//! However a call ends, it is recorded once.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use audit_core::{Actor, AuditTarget, Auditor, Context, Outcome, Row, annotate, audited, context};
use serde_json::{Value, json};
use tests::calls::{SOON, row, rows};
use tests::scripted::ScriptedStore;

use crate::support::{forever, on_both_runtimes, poll_once};

on_both_runtimes! {
    a_value_is_a_success_with_its_target_its_metadata_and_its_time,
    a_returned_error_is_a_failure_with_its_text_and_without_the_target_it_never_made,
    a_question_mark_is_a_failure,
    a_future_dropped_before_its_end_is_recorded_as_cancelled,
    a_future_that_is_never_polled_is_no_call,
    a_panic_between_polls_is_recorded_as_panicked_and_goes_on_unchanged,
    an_innocent_future_dropped_while_another_unwinds_is_cancelled,
    a_plain_function_is_recorded_with_arguments_that_its_body_moved,
    an_error_without_a_text_is_a_failure_all_the_same,
    a_plain_function_that_panics_is_recorded_as_panicked_and_goes_on_unwinding,
    only_the_outcomes_asked_for_are_recorded,
    an_argument_named_after_the_target_gives_its_id_and_the_named_actor_wins,
    a_success_value_that_knows_its_id_gives_the_target,
    methods_are_recorded_whatever_they_borrow_and_return,
    annotations_join_the_innermost_call_across_awaits,
    an_annotation_that_was_not_declared_is_kept_and_marked,
    an_annotation_of_another_type_than_the_catalogs_is_kept_and_marked,
    an_annotation_that_panics_takes_no_earlier_one_along,
    an_annotation_outside_of_every_call_changes_nothing,
    a_panic_in_an_expression_of_the_attribute_leaves_a_mark_and_nothing_else,
    nested_calls_are_recorded_from_the_inside_out_when_they_are_cancelled,
    the_context_is_the_one_in_which_the_call_began,
    a_call_waits_for_its_place_and_was_none_if_it_is_dropped_there,
    a_function_without_end_can_be_audited,
}

#[derive(Debug, Clone, PartialEq, AuditTarget)]
struct Project {
    id: u64,
    name: String,
}

#[derive(Debug, PartialEq)]
struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.0)
    }
}

mod door {
    //! A catalog of the test's own, whose metadata is free-form in places.

    #[derive(Debug, audit_core::Catalog)]
    pub(crate) enum Action {
        /// Somebody opened a door.
        #[audit(action = "door.opened", target = "door")]
        Opened,
        /// Somebody counted those who went through.
        #[audit(action = "door.counted", target = "door")]
        Counted { people: u32, note: Option<String>, kinds: Vec<String> },
        #[audit(include)]
        Base(audit_core::AuditAction),
    }
}

#[audited(action = "project.created", target = "project", target_id = |ok| ok.id, metadata(changes = json!({ "name": name })))]
async fn create(name: String) -> Result<Project, Refused> {
    if name.is_empty() {
        return Err(Refused("no name"));
    }
    let id = refuse_long(&name)?;
    tokio::task::yield_now().await;
    Ok(Project { id, name })
}

fn refuse_long(name: &str) -> Result<u64, Refused> {
    u64::try_from(name.len()).ok().filter(|length| *length < 10).ok_or(Refused("too long"))
}

async fn a_value_is_a_success_with_its_target_its_metadata_and_its_time() {
    let mut value = None;
    let row = row(async {
        value = Some(create("Mine".to_owned()).await);
    })
    .await;
    assert_eq!(value, Some(Ok(Project { id: 4, name: "Mine".to_owned() })));
    assert_eq!(row.action, "project.created");
    assert_eq!((row.target_type.as_str(), row.target_id.as_deref()), ("project", Some("4")));
    assert_eq!(row.actor_id.as_deref(), Some("user_1"));
    assert_eq!((row.outcome, row.error), (Outcome::Success, None));
    assert_eq!(row.metadata.get("changes"), Some(&json!({ "name": "Mine" })));
    assert!(row.duration_us.is_some());
}

async fn a_returned_error_is_a_failure_with_its_text_and_without_the_target_it_never_made() {
    let mut value = None;
    let row = row(async {
        value = Some(create(String::new()).await);
    })
    .await;
    assert_eq!(value, Some(Err(Refused("no name"))));
    assert_eq!((row.outcome, row.error.as_deref()), (Outcome::Failure, Some("refused: no name")));
    assert_eq!(row.target_id, None);
}

async fn a_question_mark_is_a_failure() {
    let row = row(async {
        create("a name that is too long".to_owned()).await.unwrap_err();
    })
    .await;
    assert_eq!((row.outcome, row.error.as_deref()), (Outcome::Failure, Some("refused: too long")));
}

#[audited(action = "project.updated", metadata(new_value = %steps))]
async fn stop_at(project_id: &str, steps: u32, panics: bool) {
    for _ in 0..steps {
        let mut polled = false;
        poll_fn(|_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
    assert!(!panics, "as asked");
    forever().await;
}

async fn a_future_dropped_before_its_end_is_recorded_as_cancelled() {
    let row = row(async {
        let mut future = Box::pin(stop_at("proj_1", 2, false));
        for _ in 0..5 {
            assert!(poll_once(future.as_mut()).is_pending());
        }
    })
    .await;
    assert_eq!((row.outcome, row.error), (Outcome::Cancelled, None));
    assert_eq!(row.target_id.as_deref(), Some("proj_1"));
    assert_eq!(row.metadata.get("new_value"), Some(&json!("2")));
}

async fn a_future_that_is_never_polled_is_no_call() {
    assert_eq!(
        rows(async {
            drop(stop_at("proj_1", 0, false));
        })
        .await,
        []
    );
}

async fn a_panic_between_polls_is_recorded_as_panicked_and_goes_on_unchanged() {
    let row = row(async {
        let mut future = Box::pin(stop_at("proj_1", 1, true));
        assert!(poll_once(future.as_mut()).is_pending());
        let payload = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()))).unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"as asked"));
    })
    .await;
    assert_eq!(row.outcome, Outcome::Panicked);
}

async fn an_innocent_future_dropped_while_another_unwinds_is_cancelled() {
    let row = row(async {
        let mut future = Box::pin(stop_at("proj_1", 0, false));
        assert!(poll_once(future.as_mut()).is_pending());
        catch_unwind(AssertUnwindSafe(|| {
            let _dropped_while_unwinding = future;
            panic!("somebody else");
        }))
        .unwrap_err();
    })
    .await;
    assert_eq!(row.outcome, Outcome::Cancelled);
}

#[audited(action = "key.rotated", target_id = key, metadata(key_type = kind, scopes))]
fn rotate(key: u32, kind: &str, scopes: Vec<&'static str>) -> Result<usize, ()> {
    assert_ne!(kind, "broken", "as asked");
    if scopes.is_empty() { Err(()) } else { Ok(drop_and_count(scopes)) }
}

#[expect(clippy::needless_pass_by_value, reason = "the body is to move its argument")]
fn drop_and_count(scopes: Vec<&str>) -> usize {
    scopes.len()
}

async fn a_plain_function_is_recorded_with_arguments_that_its_body_moved() {
    let row = row(async {
        assert_eq!(rotate(7, "live", vec!["read", "write"]), Ok(2));
    })
    .await;
    assert_eq!((row.target_type.as_str(), row.target_id.as_deref()), ("api_key", Some("7")));
    assert_eq!(row.metadata.get("scopes"), Some(&json!(["read", "write"])));
    assert_eq!(row.metadata.get("key_type"), Some(&json!("live")));
    assert_eq!(row.outcome, Outcome::Success);
}

async fn an_error_without_a_text_is_a_failure_all_the_same() {
    let row = row(async {
        assert_eq!(rotate(7, "live", Vec::new()), Err(()));
    })
    .await;
    assert_eq!((row.outcome, row.error.as_deref()), (Outcome::Failure, Some("()")));
}

async fn a_plain_function_that_panics_is_recorded_as_panicked_and_goes_on_unwinding() {
    let row = row(async {
        let payload = catch_unwind(|| rotate(7, "broken", Vec::new())).unwrap_err();
        assert!(payload.downcast_ref::<String>().is_some_and(|text| text.contains("as asked")));
    })
    .await;
    assert_eq!(row.outcome, Outcome::Panicked);
}

#[audited(action = "user.removed", target_id = id, on = "success", metadata(reason))]
fn remove(id: &str, reason: Option<&str>) -> Result<(), &'static str> {
    reason.map(drop).ok_or("why?")
}

#[audited(action = "user.removed", target_id = id, on = "failure", metadata(reason))]
fn try_to_remove(id: &str, reason: Option<&str>) -> Result<(), &'static str> {
    assert_ne!(reason, Some("panic"));
    reason.map(drop).ok_or("why?")
}

async fn only_the_outcomes_asked_for_are_recorded() {
    let outcomes = |rows: Vec<Row>| rows.iter().map(|row| row.outcome).collect::<Vec<_>>();
    let only_success = rows(async {
        remove("u", Some("left")).expect("there is a reason");
        remove("u", None).unwrap_err();
    })
    .await;
    assert_eq!(outcomes(only_success), [Outcome::Success]);
    let only_failure = rows(async {
        try_to_remove("u", Some("left")).expect("there is a reason");
        try_to_remove("u", None).unwrap_err();
        catch_unwind(|| try_to_remove("u", Some("panic"))).unwrap_err();
    })
    .await;
    assert_eq!(outcomes(only_failure), [Outcome::Failure, Outcome::Panicked]);
}

#[audited(action = "project.deleted", target = "project", actor = Actor::system(by), metadata(reason = "cascade"))]
fn delete(project: &Project, by: &str) -> Vec<u64> {
    vec![project.id]
}

async fn an_argument_named_after_the_target_gives_its_id_and_the_named_actor_wins() {
    let project = Project { id: 9, name: String::new() };
    let row = row(async {
        assert_eq!(delete(&project, "janitor"), [9]);
    })
    .await;
    assert_eq!(row.target_id.as_deref(), Some("9"));
    assert_eq!((row.actor_type.as_str(), row.actor_id.as_deref()), ("system", Some("janitor")));
}

#[audited(action = "project.created")]
fn adopt(name: &str) -> Result<Project, Refused> {
    Ok(Project { id: 3, name: name.to_owned() })
}

async fn a_success_value_that_knows_its_id_gives_the_target() {
    let row = row(async {
        drop(adopt("Mine"));
    })
    .await;
    assert_eq!(row.target_id.as_deref(), Some("3"));
}

struct Registry<T> {
    doors: Vec<T>,
}

impl<T: Clone + Send + Sync + fmt::Debug> Registry<T> {
    #[door::audited(action = "door.opened", target_id = n, metadata(ret door = ?|door| door, ret count = |_| 1))]
    fn open(&mut self, n: usize) -> Result<&mut T, Refused> {
        self.doors.get_mut(n).ok_or(Refused("no such door"))
    }

    #[door::audited(action = door::Action::Counted, target_id = self.doors.len(), metadata(people, kinds = kinds, ret note = %|n| n))]
    async fn count<'a, const N: usize>(&'a self, people: u32, kinds: &[&str; N]) -> &'a usize {
        tokio::task::yield_now().await;
        &N
    }

    #[door::audited(action = "door.opened", target_id = "all")]
    fn each(&self) -> impl Iterator<Item = &T> {
        self.doors.iter()
    }
}

async fn methods_are_recorded_whatever_they_borrow_and_return() {
    let mut registry = Registry { doors: vec!["front", "back"] };
    let rows = rows(async {
        *registry.open(1).expect("there are two") = "side";
        registry.open(2).unwrap_err();
        assert_eq!(registry.count(5, &["a", "b", "c"]).await, &3);
        assert_eq!(registry.each().count(), 2);
    })
    .await;
    assert_eq!(registry.doors, ["front", "side"]);
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0].metadata.get("door"), Some(&json!("\"back\"")));
    assert_eq!((rows[1].outcome, rows[1].metadata.get("door")), (Outcome::Failure, None));
    assert_eq!(rows[2].metadata.as_map().get("note"), Some(&json!("3")));
    assert_eq!(rows[2].metadata.get("people"), Some(&json!(5)));
    assert_eq!(rows[3].target_id.as_deref(), Some("all"));
}

#[audited(action = "project.updated", target_id = 1, metadata(changes = later))]
async fn outer(changed: bool) {
    inner("proj_2");
    tokio::task::yield_now().await;
    if changed {
        annotate!(changes = json!({ "by": "outer" }));
    }
}

#[audited(action = "project.updated", metadata(changes = later))]
fn inner(project_id: &str) {
    annotate!(changes = json!({ "by": "inner" }), surprise = 1);
}

async fn annotations_join_the_innermost_call_across_awaits() {
    let rows = rows(async {
        outer(true).await;
        outer(false).await;
    })
    .await;
    let changes: Vec<_> = rows.iter().map(|row| row.metadata.get("changes").cloned().unwrap_or(Value::Null)).collect();
    let inner = json!({ "by": "inner" });
    assert_eq!(changes, [inner.clone(), json!({ "by": "outer" }), inner, Value::Null]);
}

async fn an_annotation_that_was_not_declared_is_kept_and_marked() {
    let row = row(async {
        inner("proj_2");
    })
    .await;
    assert_eq!(row.metadata.get("surprise"), Some(&json!(1)));
    assert_eq!(row.metadata.get("_audit").map(|marks| &marks["undeclared: surprise"]), Some(&json!(true)));
}

async fn an_annotation_of_another_type_than_the_catalogs_is_kept_and_marked() {
    #[audited(action = "project.auto_suspended", metadata(reason = later, hard_cap_exceeded = later))]
    fn suspend(project_id: &str) {
        annotate!(reason = 7, hard_cap_exceeded = true);
    }
    let row = row(async {
        suspend("proj_1");
    })
    .await;
    assert_eq!(row.metadata.get("reason"), Some(&json!(7)));
    assert_eq!(row.metadata.get("_audit"), Some(&json!({ "mistyped: reason": true })));
}

#[audited(action = "project.updated", target_id = 1, metadata(changes = later))]
fn annotates_twice() {
    struct Explosive;
    impl serde::Serialize for Explosive {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("not to be serialised")
        }
    }
    annotate!(changes = 1);
    std::panic::catch_unwind(|| annotate!(changes = Explosive)).unwrap_err();
}

async fn an_annotation_that_panics_takes_no_earlier_one_along() {
    let row = row(async { annotates_twice() }).await;
    assert_eq!(row.metadata.get("changes"), Some(&json!(1)));
}

async fn an_annotation_outside_of_every_call_changes_nothing() {
    assert_eq!(
        rows(async {
            annotate!(changes = 1);
        })
        .await,
        []
    );
}

#[audited(action = "secret.accessed", target_id = { assert!(id > 5, "small"); id }, metadata(secret_name = names[id]))]
fn access(id: usize, names: &[&str]) -> usize {
    id
}

async fn a_panic_in_an_expression_of_the_attribute_leaves_a_mark_and_nothing_else() {
    let row = row(async {
        assert_eq!(access(1, &[]), 1);
    })
    .await;
    assert_eq!((row.outcome, row.target_id.as_deref()), (Outcome::Success, None));
    let marks = row.metadata.get("_audit").expect("there are marks");
    assert_eq!(marks["panicked: target_id"], true);
    assert_eq!(marks["panicked: secret_name"], true);
}

async fn nested_calls_are_recorded_from_the_inside_out_when_they_are_cancelled() {
    #[audited(action = "project.updated", metadata(new_value = "outer"))]
    async fn around(project_id: &str) {
        stop_at(project_id, 7, false).await;
    }
    let rows = rows(async {
        let mut future = pin!(around("proj_1"));
        assert!(poll_once(future.as_mut()).is_pending());
    })
    .await;
    let values: Vec<_> = rows.iter().map(|row| row.metadata.get("new_value").cloned()).collect();
    assert_eq!(values, [Some(json!("7")), Some(json!("outer"))]);
    assert!(rows.iter().all(|row| row.outcome == Outcome::Cancelled));
}

async fn the_context_is_the_one_in_which_the_call_began() {
    let row = row(async {
        let mut future = Box::pin(stop_at("proj_1", 0, false));
        assert!(poll_once(future.as_mut()).is_pending());
        context::sync_scope(Context::new().with_actor(Actor::user("user_2")), || drop(future));
    })
    .await;
    assert_eq!(row.actor_id.as_deref(), Some("user_1"));
}

#[test]
fn an_audited_future_is_little_larger_can_be_sent_and_nests_by_adding() {
    macro_rules! nest {
        ($module:ident, $(#[$attribute:meta])?) => {
            mod $module {
                use super::*;

                $(#[$attribute])?
                pub(super) async fn one(project_id: u64) -> Result<u64, Refused> {
                    forever().await;
                    Ok(project_id)
                }
                $(#[$attribute])?
                async fn two(project_id: u64) -> Result<u64, Refused> {
                    one(project_id).await
                }
                $(#[$attribute])?
                async fn three(project_id: u64) -> Result<u64, Refused> {
                    two(project_id).await
                }
                $(#[$attribute])?
                pub(super) async fn four(project_id: u64) -> Result<u64, Refused> {
                    three(project_id).await
                }
            }
        };
    }
    nest!(plain,);
    nest!(
        annotated,
        #[audited(action = "project.updated", metadata(old_value = 1, new_value = 3, changes = later))]
    );
    fn size(future: &(impl Future + Send)) -> usize {
        size_of_val(future)
    }
    let (plain_one, one) = (size(&plain::one(1)), size(&annotated::one(1)));
    let (plain_four, four) = (size(&plain::four(1)), size(&annotated::four(1)));
    assert!(one <= plain_one + 512, "{one} bytes instead of {plain_one}");
    assert!(four <= plain_four + 4 * 512, "{four} bytes instead of {plain_four}");
}

async fn a_call_waits_for_its_place_and_was_none_if_it_is_dropped_there() {
    #[audited(action = "project.updated")]
    async fn touch(project_id: &str, begun: &AtomicBool) {
        begun.store(true, Ordering::Relaxed);
    }
    let store = ScriptedStore::default();
    store.shut();
    let builder = Auditor::builder().store(Arc::new(store.clone())).queue_entries(1);
    let writer = builder.start().await.expect("the writer starts");
    let context = Context::new().with_auditor(writer.auditor().clone());
    let calls = context::scope(context, async {
        let (mut calls, begun) = (0, AtomicBool::new(true));
        while begun.swap(false, Ordering::Relaxed) {
            let mut call = pin!(touch("proj_1", &begun));
            calls += usize::from(poll_once(call.as_mut()).is_ready());
        }
        let mut waits = Box::pin(touch("proj_2", &begun));
        assert!(poll_once(waits.as_mut()).is_pending());
        assert!(!begun.load(Ordering::Relaxed), "the body runs without a place");
        store.open();
        waits.await;
        calls + 1
    })
    .await;
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.stored, report.stats.dropped), (calls as u64, 0));
}

#[test]
fn a_call_that_no_auditor_hears_is_counted() {
    let before = Auditor::unheard();
    inner("proj_1");
    // Other tests may be unheard at the same time.
    assert!(Auditor::unheard() > before);
}

async fn a_function_without_end_can_be_audited() {
    #[audited(action = "project.updated", target_id = 1)]
    fn stop() -> ! {
        panic!("the end")
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn wait() -> ! {
        loop {
            forever().await;
        }
    }
    let rows = rows(async {
        catch_unwind(|| -> () { stop() }).unwrap_err();
        assert!(poll_once(pin!(wait())).is_pending());
    })
    .await;
    assert_eq!(rows.iter().map(|row| row.outcome).collect::<Vec<_>>(), [Outcome::Panicked, Outcome::Cancelled]);
}
