//! What the command says of itself.

use crate::support::Shell;

#[test]
fn shells_learn_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let out = Shell::new().run(&["completions", shell]).success().out;
        for command in ["query", "show", "stats", "verify"] {
            assert!(out.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn there_is_a_manual_of_each_command() {
    let out = Shell::new().run(&["man"]).success().out;
    assert!(out.contains(".TH audit 1") && out.contains("doctor"), "{out}");
    let out = Shell::new().run(&["man", "migrate", "status"]).success().out;
    assert!(out.contains("\\-\\-check"), "{out}");
    Shell::new().run(&["man", "qeury"]).exits_with(2).complains("`qeury` is no command");
}

#[test]
fn colours_are_for_those_who_can_see_them() {
    let shell = Shell::with_log();
    shell.run(&["record", "--actor=user:u", "--action=project.created", "--target=project:p"]).success();
    for arguments in [&["query"][..], &["stats"], &["query", "--format=json"]] {
        assert!(!shell.run(arguments).success().out.contains('\u{1b}'), "{arguments:?}");
    }
    let forced = Shell::with_log().with("CLICOLOR_FORCE", "1");
    forced.run(&["record", "--actor=user:u", "--action=project.created", "--target=project:p"]).success();
    assert!(forced.run(&["stats"]).success().out.contains('\u{1b}'));
}

#[test]
#[cfg(target_os = "linux")]
fn who_wants_no_colours_gets_none_on_a_terminal_either() {
    let shell = Shell::with_log();
    shell.run(&["record", "--actor=user:u", "--action=project.created", "--target=project:p"]).success();
    let show = format!("show {}", shell.entries(&[])[0]["id"].as_str().unwrap());
    let commands = ["query", "stats", "doctor", &show, "query outcome:failed || true", "query --limit=x || true"];
    for command in commands {
        let shown = shell.run_in_terminal(command);
        assert!(shown.contains('\u{1b}'), "{command}: {shown}");
    }
    let plain = shell.with("NO_COLOR", "1");
    for command in commands {
        let shown = plain.run_in_terminal(command);
        assert!(!shown.contains('\u{1b}'), "{command}: {shown:?}");
    }
}

#[test]
fn what_is_examined_comes_as_json_too() {
    let shell = Shell::with_log();
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&shell.run(arguments).success().out).unwrap()
    };
    let findings = json(&["doctor", "--format=json"]);
    assert!(
        findings
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["level"] == "green" && finding["check"] == "migrations")
    );
    let migrations = json(&["migrate", "status", "--format=json"]);
    assert_eq!((&migrations[0]["version"], &migrations[0]["state"]), (&1.into(), &"done".into()));
    assert_eq!(migrations[0]["checksum"].as_str().unwrap().len(), 64);
}
