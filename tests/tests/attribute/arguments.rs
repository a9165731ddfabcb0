//! Each argument of the attribute does what it says.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use audit_core::{Actor, ActorType, AuditOutcome, Outcome, Row, audited};
use serde_json::json;
use tests::calls::{row, rows};

use crate::support::on_both_runtimes;

on_both_runtimes! {
    a_call_whose_skip_if_holds_is_not_recorded_and_runs_all_the_same,
    a_skip_if_that_panics_does_not_hide_the_call,
    of_an_error_only_what_err_names_is_kept,
    an_error_that_says_denied_is_recorded_as_denied,
    a_success_value_may_say_that_it_is_none,
    the_outcome_argument_has_the_last_word,
    an_outcome_argument_that_panics_leaves_the_usual_outcome_and_a_mark,
    a_result_that_its_type_hides_is_a_success_and_one_inside_another_is_not,
    a_target_id_that_is_none_is_no_target_id,
    a_bare_none_needs_no_type_and_is_null,
    an_impl_block_gives_defaults_to_its_audited_methods,
}

fn outcomes(rows: &[Row]) -> Vec<Outcome> {
    rows.iter().map(|row| row.outcome).collect()
}

async fn a_call_whose_skip_if_holds_is_not_recorded_and_runs_all_the_same() {
    #[audited(action = "project.updated", skip_if = project_id == "probe", metadata(new_value = { looked.fetch_add(1, Relaxed); 1 }))]
    fn update(project_id: &str, looked: &AtomicU32) -> u32 {
        looked.load(Relaxed)
    }
    #[audited(action = "project.updated", skip_if = *quiet)]
    async fn update_later(project_id: &str, quiet: &bool) -> u32 {
        tokio::task::yield_now().await;
        5
    }
    let looked = AtomicU32::new(0);
    let rows = rows(async {
        assert_eq!(update("probe", &looked), 0, "nothing is captured of a skipped call");
        assert_eq!(update("proj_1", &looked), 1);
        assert_eq!(update_later("proj_2", &true).await, 5);
        assert_eq!(update_later("proj_3", &false).await, 5);
    })
    .await;
    let ids: Vec<_> = rows.iter().filter_map(|row| row.target_id.as_deref()).collect();
    assert_eq!(ids, ["proj_1", "proj_3"]);
}

async fn a_skip_if_that_panics_does_not_hide_the_call() {
    #[audited(action = "project.updated", skip_if = names[5].is_empty())]
    fn update(project_id: u32, names: &[&str]) {}
    let row = row(async {
        update(1, &[]);
    })
    .await;
    assert_eq!(row.metadata.get("_audit").map(|marks| &marks["panicked: skip_if"]), Some(&json!(true)));
}

#[derive(Debug)]
enum Refused {
    NotYours,
    Broken { password: &'static str },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl AuditOutcome for Refused {
    fn audit_outcome(&self) -> Outcome {
        if matches!(self, Self::NotYours) { Outcome::Denied } else { Outcome::Failure }
    }
}

impl Refused {
    fn code(&self) -> Option<&'static str> {
        matches!(self, Self::Broken { password } if !password.is_empty()).then_some("E7")
    }
}

async fn of_an_error_only_what_err_names_is_kept() {
    #[audited(action = "project.updated", err = |error| error.code())]
    fn update(project_id: u32, error: Refused) -> Result<(), Refused> {
        Err(error)
    }
    #[audited(action = "project.updated", err = |_| "broken")]
    async fn update_later(project_id: u32, error: Refused) -> Result<(), Refused> {
        Err(error)
    }
    let rows = rows(async {
        update(1, Refused::Broken { password: "hunter2" }).unwrap_err();
        update(1, Refused::NotYours).unwrap_err();
        update_later(1, Refused::Broken { password: "hunter2" }).await.unwrap_err();
    })
    .await;
    let errors: Vec<_> = rows.iter().map(|row| row.error.as_deref()).collect();
    assert_eq!(errors, [Some("E7"), None, Some("broken")]);
}

async fn an_error_that_says_denied_is_recorded_as_denied() {
    #[audited(action = "project.updated")]
    fn update(project_id: u32, error: Refused) -> Result<u32, Refused> {
        Err(error)
    }
    #[audited(action = "project.updated")]
    async fn boxed(project_id: u32, error: Refused) -> Result<u32, Box<Refused>> {
        Err(error.into())
    }
    let rows = rows(async {
        update(1, Refused::NotYours).unwrap_err();
        update(1, Refused::Broken { password: "" }).unwrap_err();
        boxed(1, Refused::NotYours).await.unwrap_err();
    })
    .await;
    assert_eq!(outcomes(&rows), [Outcome::Denied, Outcome::Failure, Outcome::Denied]);
    assert_eq!(rows[0].error.as_deref(), Some("NotYours"));
}

struct Response(u16);

impl AuditOutcome for Response {
    fn audit_outcome(&self) -> Outcome {
        match self.0 {
            401 | 403 => Outcome::Denied,
            400.. => Outcome::Failure,
            _ => Outcome::Success,
        }
    }
}

async fn a_success_value_may_say_that_it_is_none() {
    #[audited(action = "project.updated")]
    async fn respond(project_id: u32, status: u16) -> Response {
        Response(status)
    }
    #[audited(action = "project.updated")]
    fn try_to_respond(project_id: u32, status: u16) -> Result<Response, ()> {
        Ok(Response(status))
    }
    let rows = rows(async {
        for status in [200, 403, 500] {
            assert_eq!(respond(1, status).await.0, status);
        }
        try_to_respond(1, 401).expect("it is a response");
    })
    .await;
    assert_eq!(outcomes(&rows), [Outcome::Success, Outcome::Denied, Outcome::Failure, Outcome::Denied]);
}

async fn the_outcome_argument_has_the_last_word() {
    #[audited(action = "project.updated", outcome = |found| if found.is_some() { Outcome::Success } else { Outcome::Denied })]
    fn find(project_id: u32, found: Option<u32>) -> Option<u32> {
        found
    }
    #[audited(action = "project.updated", outcome = of_result)]
    async fn update(project_id: u32, error: Refused) -> Result<(), Refused> {
        Err(error)
    }
    fn of_result(_: &Result<(), Refused>) -> Outcome {
        Outcome::Success
    }
    let rows = rows(async {
        assert_eq!(find(1, Some(2)), Some(2));
        assert_eq!(find(1, None), None);
        update(1, Refused::NotYours).await.unwrap_err();
    })
    .await;
    assert_eq!(outcomes(&rows), [Outcome::Success, Outcome::Denied, Outcome::Success]);
}

async fn an_outcome_argument_that_panics_leaves_the_usual_outcome_and_a_mark() {
    #[audited(action = "project.updated", outcome = |result| panic!("{result:?}"))]
    fn update(project_id: u32) -> Result<(), u8> {
        Err(1)
    }
    let row = row(async {
        assert_eq!(update(1), Err(1));
    })
    .await;
    assert_eq!((row.outcome, row.error.as_deref()), (Outcome::Failure, Some("1")));
    assert_eq!(row.metadata.get("_audit").map(|marks| &marks["panicked: outcome"]), Some(&json!(true)));
}

async fn a_result_that_its_type_hides_is_a_success_and_one_inside_another_is_not() {
    #[audited(action = "project.updated", target_id = 1)]
    fn hidden<T>(value: T) -> T {
        value
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn nested(value: Result<u8, Refused>) -> Result<Result<u8, Refused>, fmt::Error> {
        Ok(value)
    }
    let rows = rows(async {
        hidden(Err::<u8, _>("hidden")).unwrap_err();
        nested(Err(Refused::NotYours)).expect("the outer one is fine").unwrap_err();
        nested(Ok(1)).expect("the outer one is fine").expect("the inner one too");
    })
    .await;
    assert_eq!(outcomes(&rows), [Outcome::Success, Outcome::Failure, Outcome::Success]);
}

async fn a_target_id_that_is_none_is_no_target_id() {
    struct Owner {
        project: Option<String>,
    }
    impl Owner {
        #[audited(action = "project.updated", target_id = &self.project)]
        fn touch(&self) {}

        #[audited(action = "project.updated", target_id = |owner| owner.project.as_deref())]
        async fn find(self) -> Result<Self, ()> {
            Ok(self)
        }
    }
    let rows = rows(async {
        for project in [Some("proj_1".to_owned()), None] {
            let owner = Owner { project };
            owner.touch();
            assert!(owner.find().await.is_ok());
        }
    })
    .await;
    let ids: Vec<_> = rows.iter().map(|row| row.target_id.as_deref()).collect();
    assert_eq!(ids, [Some("proj_1"), Some("proj_1"), None, None]);
}

async fn a_bare_none_needs_no_type_and_is_null() {
    #[audited(action = "project.suspended", metadata(reason = None))]
    fn suspend(project_id: u32) {}
    let row = row(async {
        suspend(1);
    })
    .await;
    assert_eq!(row.metadata.get("reason"), Some(&json!(null)));
}

#[derive(Debug)]
struct Keys {
    owner: &'static str,
}

#[audited(target_id = self.owner, actor = Actor::system(self.owner), on = "failure", err = |_| "kept")]
impl Keys {
    #[audited(action = "key.rotated", metadata(key_type = kind))]
    fn rotate(&self, kind: &str) -> Result<(), &'static str> {
        Err("secret")
    }

    #[audited(action = "key.revoked", target_id = key_id, on = "always")]
    async fn revoke(&self, key_id: u32) -> Result<(), &'static str> {
        Ok(())
    }

    fn unaudited(&self) -> &str {
        self.owner
    }
}

async fn an_impl_block_gives_defaults_to_its_audited_methods() {
    let keys = Keys { owner: "me" };
    let rows = rows(async {
        keys.rotate("live").unwrap_err();
        keys.revoke(7).await.expect("it is fine");
        assert_eq!(keys.unaudited(), "me");
    })
    .await;
    let seen: Vec<_> = rows.iter().map(|row| (row.action.as_str(), row.target_id.as_deref())).collect();
    assert_eq!(seen, [("key.rotated", Some("me")), ("key.revoked", Some("7"))]);
    assert_eq!(rows[0].error.as_deref(), Some("kept"));
    assert!(rows.iter().all(|row| row.actor_id.as_deref() == Some("me") && row.actor_type == ActorType::System));
}
