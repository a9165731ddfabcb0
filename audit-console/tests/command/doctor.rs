//! `audit doctor`: what it says of a log that is well, and of one that is not.

use std::time::{Duration, SystemTime};

use audit_core::catalog::SystemAction;
use audit_core::{Actor, Entry};
use tests::postgres;

use crate::support::{Shell, land};

/// What the log tells of drops, some of it long ago.
async fn land_gaps(url: &str) {
    let gap = |dropped, reason: &str, days: u64| {
        let gap = SystemAction::AuditGap { dropped, reason: reason.to_owned(), stream_id: None, batch_no: None };
        let at = SystemTime::now() - Duration::from_hours(24 * days);
        Entry::builder(gap).actor(Actor::system("audit")).created_at(at).build()
    };
    let queue_full = [gap(Some(3), "queue_full", 0), gap(Some(4), "queue_full", 3), gap(Some(50), "queue_full", 8)];
    let damaged = [gap(Some(1), "journal_damaged", 1), gap(None, "journal_damaged", 1)];
    land(url, queue_full.into_iter().chain(damaged).collect()).await;
}

const GAPS: &str = "by reason: 1 journal_damaged, beside gaps of unknown size: 1; 7 queue_full";

#[test]
fn a_log_that_is_well_is_green_and_exits_with_0() {
    let ran = Shell::with_log().run(&["doctor"]).success();
    assert!(ran.out.contains("✓ migrations") && ran.out.contains(" 0 red"), "{}", ran.out);
    assert!(ran.out.contains("✓ gaps"), "{}", ran.out);
}

#[tokio::test]
async fn what_was_dropped_lately_is_told_by_reason() {
    let database = postgres::server().database().await;
    let postgres = Shell::new().with("DATABASE_URL", database.url());
    postgres.run(&["migrate", "--role-prefix=console_test"]).success();
    land_gaps(&database.url()).await;
    let sqlite = Shell::with_log();
    land_gaps(&format!("sqlite:{}", sqlite.folder().join("audit.db").display())).await;
    for shell in [postgres, sqlite] {
        let ran = shell.run(&["doctor", "--role-prefix=console_test"]).success();
        assert!(ran.out.contains("! gaps") && ran.out.contains(GAPS), "{}", ran.out);
    }
}

#[test]
fn pending_migrations_are_red_and_come_with_the_command_that_runs_them() {
    let shell = Shell::new().with("DATABASE_URL", "sqlite:audit.db");
    std::fs::write(shell.folder().join("audit.db"), "").unwrap();
    let ran = shell.run(&["doctor"]).exits_with(1);
    assert!(ran.out.contains("✗ migrations") && ran.out.contains("→ run `audit migrate`"), "{}", ran.out);
}

#[tokio::test]
async fn on_postgresql_the_writer_alone_is_well() {
    let database = postgres::server().database().await;
    let administrator = Shell::new().with("DATABASE_URL", database.url());
    administrator.run(&["migrate", "--role-prefix=console_test"]).success();

    let writer = Shell::new().with("DATABASE_URL", database.url_as("console_test_writer").await);
    let record = ["record", "--actor=user:u", "--action=project.deleted", "--target=project:p"];
    writer.run(&record).success();
    let ran = writer.run(&["doctor", "--role-prefix=console_test"]).success();
    assert!(ran.out.contains("✓ privileges"), "{}", ran.out);
    // What the writer may not do, read the log, is refused with a word on what to do.
    writer.run(&["query"]).exits_with(1).complains("audit doctor");
}
