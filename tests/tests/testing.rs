//! What tests of audited programs capture and assert, and what the assertions say.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use audit_core::testing::{self, Capture};
use audit_core::{
    Actor, AuditAction, Context, Entry, Error, Outcome, assert_audited, assert_not_audited, audited, context,
};

#[audited(action = "user.role_changed", target = "user", metadata(new_role = role, old_role = "viewer"), err = |error| error)]
fn promote(user_id: &str, role: &str) -> Result<(), String> {
    if role == "emperor" { Err("there is none".to_owned()) } else { Ok(()) }
}

#[audited(action = "project.updated")]
async fn touch(project_id: u64) {
    tokio::task::yield_now().await;
}

#[audited(action = "project.deleted", durability = "before")]
async fn delete(project_id: u64) -> Result<(), Error> {
    Ok(())
}

fn as_user<R>(work: impl FnOnce() -> R) -> R {
    context::sync_scope(Context::new().with_actor(Actor::user("user_1")), work)
}

fn message(assertion: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(assertion)).unwrap_err();
    match panic.downcast_ref::<&str>() {
        Some(text) => (*text).to_owned(),
        None => panic.downcast_ref::<String>().expect("a message").clone(),
    }
}

#[test]
fn what_was_recorded_is_asserted() {
    let _audit = testing::capture();
    as_user(|| promote("user_2", "admin")).unwrap();
    as_user(|| promote("user_3", "emperor")).unwrap_err();
    let row = assert_audited!(
        action = "user.role_changed",
        target = "user:user_2",
        actor = "user:user_1",
        metadata.new_role = "admin",
        outcome = success,
    );
    assert_eq!(row.error, None);
    assert_audited!(target = "user_3", outcome = Outcome::Failure, error = "there is none");
    assert_not_audited!(action = "user.role_changed", outcome = denied);
    assert_not_audited!(target = "user_2", metadata.new_role = "emperor");
}

#[test]
fn a_failure_shows_what_was_recorded_and_the_nearest() {
    let _audit = testing::capture();
    as_user(|| promote("user_2", "admin")).unwrap();
    as_user(|| promote("user_3", "emperor")).unwrap_err();
    let said = message(|| {
        assert_audited!(action = "user.role_changed", target = "user:user_2", metadata.new_role = "editor");
    });
    assert_eq!(
        said,
        r#"no audit entry has action = "user.role_changed", target = "user:user_2", metadata.new_role = "editor"
nearest is entry 1, which differs in
    metadata.new_role: "admin", and not "editor"
recorded were
    1  success    user:user_1  user.role_changed  user:user_2  {"new_role":"admin","old_role":"viewer"}
    2  failure    user:user_1  user.role_changed  user:user_3  {"new_role":"emperor","old_role":"viewer"}  error "there is none""#
    );
    let said = message(|| assert_not_audited!(target = "user_3"));
    assert!(said.starts_with("audit entry 2 has target = \"user_3\"\nrecorded were\n    1  success"), "{said}");
}

#[test]
fn a_failure_says_why_nothing_may_have_been_recorded() {
    assert!(message(|| assert_not_audited!()).starts_with("nothing is captured here: "));
    let _audit = testing::capture();
    let said = message(|| drop(assert_audited!(action = "user.removed")));
    assert!(said.starts_with("no audit entry has action = \"user.removed\"\nnothing was recorded; "), "{said}");
    as_user(|| promote("user_2", "admin")).unwrap();
    let said = message(|| drop(assert_audited!(acton = "user.removed")));
    assert!(said.starts_with("an audit entry has no field `acton`; it has target, actor, "), "{said}");
}

#[test]
fn every_run_captures_the_same_ids_and_times() {
    let run = || {
        let audit = testing::capture();
        as_user(|| promote("user_2", "admin")).unwrap();
        as_user(|| promote("user_3", "admin")).unwrap();
        audit.rows()
    };
    let (first, second) = (run(), run());
    assert_eq!(first, second);
    let times: Vec<_> = first.iter().map(|row| row.created_at.to_rfc3339()).collect();
    assert_eq!(times, ["2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.001+00:00"]);
    assert_eq!(first[1].id.to_string(), "019b76da-a801-7000-8000-000000000001");
}

#[tokio::test]
async fn the_id_that_is_returned_is_the_one_that_is_captured() {
    let audit = testing::capture();
    let entry = Entry::builder(AuditAction::ProjectDeleted { reason: None }).target_id("7").build();
    let id = audit.auditor().record(entry).durable().await.unwrap();
    assert_eq!(audit.rows()[0].id, id);
    delete(8).await.unwrap();
    let rows = audit.rows();
    assert_eq!(rows[1].outcome, Outcome::Attempted);
    assert_eq!((rows[2].outcome, rows[2].attempt_id), (Outcome::Success, Some(rows[1].id)));
    assert!(audit.auditor().health().is_ok());
}

#[test]
fn nothing_is_left_on_the_thread_when_a_test_fails() {
    let failed = catch_unwind(|| {
        let _audit = testing::capture();
        panic!("scripted");
    });
    assert!(failed.is_err());
    assert!(Context::current().auditor().is_none());
}

#[tokio::test]
async fn spawned_work_is_captured_in_the_context_of_its_test() {
    let audit = testing::capture();
    context::spawn(touch(1)).await.unwrap();
    thread::spawn(context::carry(|| promote("user_2", "admin"))).join().unwrap().unwrap();
    assert_eq!(audit.rows().len(), 2);
}

#[test]
fn a_thousand_tests_at_once_hear_only_themselves() {
    // As threads, each with a runtime of its own, as a test harness runs them.
    thread::scope(|threads| {
        for number in 0..500_u64 {
            threads.spawn(move || {
                let audit = testing::capture();
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(touch(number));
                assert_audited!(target = number.to_string());
                assert_eq!(audit.rows().len(), 1);
            });
        }
    });
    // As tasks that share threads, and move between them.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let tests: Vec<_> = (0..1000_u64)
            .map(|number| {
                tokio::spawn(async move {
                    let audit = Capture::new();
                    audit
                        .scope(async {
                            touch(number).await;
                            context::spawn(touch(number)).await.unwrap();
                            assert_audited!(target = number.to_string());
                        })
                        .await;
                    assert_eq!(audit.rows().len(), 2);
                    assert_not_audited!(in audit; target = (number + 1).to_string());
                })
            })
            .collect();
        for test in tests {
            test.await.unwrap();
        }
    });
}
