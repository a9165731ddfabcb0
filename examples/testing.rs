//! Tests of an audited program: what they look like, and what they say when they fail.
//!
//! ```text
//! cargo run --example testing
//! ```
//!
//! Each test captures what it records itself: nothing is waited for, nothing is stored, and any number runs side by side. In your
//! program, `#[tokio::test]` stands above each; here, `main` calls them.

use std::panic;

use audit_core::testing::{self, Capture};
use audit_core::{Actor, Context, assert_audited, assert_not_audited, audited, context};

#[audited(action = "user.invited", metadata(role))]
async fn invite(user_id: &str, role: &str) -> Result<(), String> {
    if role == "emperor" { Err(format!("there is no role {role}")) } else { Ok(()) }
}

async fn an_invitation_is_on_record() {
    let _audit = testing::capture();
    let admin = Context::new().with_actor(Actor::user("user_1"));
    context::scope(admin, invite("user_2", "viewer")).await.unwrap();
    assert_audited!(
        action = "user.invited",
        target = "user:user_2",
        actor = "user:user_1",
        metadata.role = "viewer",
        outcome = success,
    );
    assert_not_audited!(outcome = failure);
}

async fn an_invitation_that_fails_says_why() {
    let _audit = testing::capture();
    invite("user_2", "emperor").await.unwrap_err();
    // The first entry that fulfils the conditions, for whatever else is to be looked at.
    let row = assert_audited!(action = "user.invited", outcome = failure);
    assert_eq!(row.error.as_deref(), Some("there is no role emperor"));
    // Ids and times are the same in each run.
    assert_eq!(row.created_at.to_rfc3339(), "2026-01-01T00:00:00+00:00");
}

async fn work_that_shares_its_thread_has_a_capture_of_its_own() {
    let (one, other) = (Capture::new(), Capture::new());
    let (invited, refused) =
        tokio::join!(one.scope(invite("user_2", "viewer")), other.scope(invite("user_3", "emperor")));
    assert!(invited.is_ok() && refused.is_err());
    assert_audited!(in one; target = "user_2");
    assert_not_audited!(in one; target = "user_3");
    assert_audited!(in other; target = "user_3", outcome = failure);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    an_invitation_is_on_record().await;
    an_invitation_that_fails_says_why().await;
    work_that_shares_its_thread_has_a_capture_of_its_own().await;
    println!("three tests hold");

    // The message of one that does not shows what was recorded, and in what the nearest entry differs.
    let audit = Capture::new();
    audit.scope(invite("user_2", "viewer")).await.unwrap();
    audit.scope(invite("user_3", "emperor")).await.unwrap_err();
    panic::set_hook(Box::new(|failure| println!("one does not: {}", failure.payload_as_str().unwrap_or_default())));
    let held = panic::catch_unwind(|| {
        assert_audited!(in audit; action = "user.invited", target = "user:user_2", metadata.role = "admin");
    });
    assert!(held.is_err());
}
