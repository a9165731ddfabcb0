//! `audit doctor`: what it says of a log that is well, and of one that is not.

use tests::postgres;

use crate::support::Shell;

#[test]
fn a_log_that_is_well_is_green_and_exits_with_0() {
    let ran = Shell::with_log().run(&["doctor"]).success();
    assert!(ran.out.contains("✓ migrations") && ran.out.contains(" 0 red"), "{}", ran.out);
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
