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
    let plain = forced.with("NO_COLOR", "1").with("CLICOLOR_FORCE", "0");
    assert!(!plain.run(&["stats"]).success().out.contains('\u{1b}'));
}
