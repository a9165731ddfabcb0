//! `audit migrate`: what it says, and the exit codes that scripts rely on.

use crate::support::Shell;

#[test]
fn status_check_succeeds_only_when_everything_is_done() {
    let shell = Shell::new().with("DATABASE_URL", "sqlite:audit.db");
    let pending = shell.run(&["migrate", "status", "--check"]).exits_with(1).complains("pending");
    assert!(pending.out.contains("0001"), "{}", pending.out);
    shell.run(&["migrate", "status"]).success();

    assert!(shell.run(&["migrate"]).success().out.contains("applied 0001"));
    let done = shell.run(&["migrate", "status", "--check"]).success().complains("up to date");
    assert!(done.out.contains("done") && done.out.contains("took"), "{}", done.out);
    assert!(shell.run(&["migrate"]).success().out.contains("nothing to apply"));
}

#[test]
fn a_dry_run_prints_the_sql_and_changes_nothing() {
    let shell = Shell::new().with("DATABASE_URL", "sqlite:audit.db");
    let ran = shell.run(&["migrate", "--dry-run"]).success();
    assert!(ran.out.contains("CREATE TABLE") && ran.out.contains("-- 0001 "), "{}", ran.out);
    assert!(!shell.folder().join("audit.db").exists());
    shell.run(&["migrate", "status", "--check"]).exits_with(1);
}
