//! `audit verify`: whether the log still is what was written.

use serde_json::Value;

use crate::support::Shell;

fn with_entries() -> Shell {
    let shell = Shell::with_log();
    for project in ["proj_1", "proj_2"] {
        let target = format!("--target=project:{project}");
        shell.run(&["record", "--actor=user:u", "--action=project.created", &target]).success();
    }
    shell
}

#[test]
fn an_untouched_log_is_intact() {
    let shell = with_entries();
    let ran = shell.run(&["verify"]).success();
    assert_eq!(ran.out.lines().next(), Some("✓ intact: 2 entries in 6 batches of 2 streams"));
    let document: Value = serde_json::from_str(&shell.run(&["verify", "--format=json"]).success().out).unwrap();
    assert_eq!((&document["intact"], &document["entries"]), (&true.into(), &2.into()));
}

#[test]
#[cfg(target_os = "linux")]
fn a_bar_shows_on_a_terminal_alone_how_far_it_came() {
    let shell = with_entries();
    let shown = shell.run_in_terminal("verify");
    assert!(shown.contains("% of 2 entries, ") && shown.contains("intact"), "{shown}");
    assert_eq!(shell.run(&["verify"]).success().err, "");
}

#[test]
fn what_was_changed_is_told_with_the_command_that_shows_it() {
    let shell = with_entries();
    shell.execute(
        "DROP TRIGGER audit_logs_no_update; UPDATE audit_logs SET actor_id = 'another' WHERE target_id = 'proj_2'",
    );
    let ran = shell.run(&["verify"]).exits_with(1);
    assert!(ran.out.starts_with("✗ broken: the only row of batch 1 of stream"), "{}", ran.out);
    let command = ran.out.lines().nth(1).unwrap().trim().trim_start_matches("→ audit ").to_owned();
    let shown = shell.entries(&command.split(' ').skip(1).collect::<Vec<_>>());
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["target_id"], "proj_2");

    let document: Value = serde_json::from_str(&shell.run(&["verify", "--format=json"]).exits_with(1).out).unwrap();
    assert_eq!((&document["intact"], &document["breaks"][0]["kind"]), (&false.into(), &"altered_rows".into()));
}

#[test]
fn what_cannot_be_read_is_neither_intact_nor_broken() {
    let shell = Shell::new().with("DATABASE_URL", "sqlite:nowhere.db");
    shell.run(&["verify"]).exits_with(2).complains("there is no such file");
    let shell = Shell::new().with("DATABASE_URL", "postgres://127.0.0.1:1/nowhere");
    shell.run(&["verify"]).exits_with(2).complains("cannot reach");
}
