//! `audit dead-letters`: rows that the table refused.

use crate::support::Shell;

fn with_a_dead_letter() -> Shell {
    let shell = Shell::with_log();
    shell.execute(
        "CREATE TRIGGER fussy BEFORE INSERT ON audit_logs WHEN NEW.target_id LIKE 'bad%'
         BEGIN SELECT RAISE(ABORT, 'fussy'); END",
    );
    // The command says that its entry was refused.
    shell.run(&["record", "--actor=user:u", "--action=project.deleted", "--target=project:bad\u{202e}"]);
    shell
}

#[test]
fn a_log_without_dead_letters_says_so() {
    let shell = Shell::with_log();
    shell.run(&["dead-letters"]).success().complains("no dead letters");
    assert_eq!(shell.run(&["dead-letters", "--format=json"]).success().out.trim(), "[]");
    shell.run(&["dead-letters", "retry", "--all"]).success();
}

#[test]
fn dead_letters_are_shown_escaped_and_sent_again_once_they_can_be_stored() {
    let shell = with_a_dead_letter();
    let examined = shell.run(&["doctor"]).success().out;
    assert!(examined.contains("! refused") && examined.contains("refused: 1"), "{examined}");
    let shown = shell.run(&["dead-letters"]).success().out;
    assert!(shown.contains("/1/0") && shown.contains("project.deleted"), "{shown}");
    assert!(shown.contains("project:bad\\u{202e}"), "{shown}");

    let listed = shell.run(&["dead-letters", "--format=json"]).success().out;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(listed[0]["row"]["action"], "project.deleted");
    assert!(listed[0]["row"].get("salt").is_none());

    let refused = shell.run(&["dead-letters", "retry", id]).exits_with(1).complains("fussy");
    assert!(refused.out.contains("0 stored, 1 refused again"), "{}", refused.out);
    shell.execute("DROP TRIGGER fussy");
    let sent = shell.run(&["dead-letters", "retry", "--all"]).success();
    assert!(sent.out.contains("1 stored, 0 refused again"), "{}", sent.out);
    assert_eq!(shell.entries(&[]).len(), 1);
    shell.run(&["dead-letters", "retry", id]).exits_with(1);
    shell.run(&["dead-letters", "retry", "nonsense"]).exits_with(2).complains("STREAM/BATCH/INDEX");
}

#[test]
fn the_outbox_alone_is_made_in_an_applications_own_database() {
    let shell = Shell::new().with("DATABASE_URL", "sqlite:app.db");
    shell.run(&["migrate", "--outbox"]).success();
    let status = shell.run(&["migrate", "status", "--outbox", "--check"]).success();
    assert!(status.out.contains("outbox table"), "{}", status.out);
    shell.run(&["migrate", "status", "--check"]).exits_with(1);
}
