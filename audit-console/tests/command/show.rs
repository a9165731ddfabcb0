//! `audit show`: an entry whole.

use serde_json::Value;

use crate::support::Shell;

fn record(shell: &Shell, arguments: &[&str]) -> String {
    let action = ["record", "--actor=user:ann", "--target=project:p", "--action=project.updated"];
    shell.run(&[&action, arguments].concat()).success().out.trim().to_owned()
}

#[test]
fn everything_is_shown_with_changes_as_a_diff_and_the_rest_of_the_request() {
    let shell = Shell::with_log();
    let metadata = r#"{"changes":{"name":{"from":"Mine","to":"Ours"}},"reason":"asked for"}"#;
    let id = record(&shell, &["--metadata", metadata, "--request-id=req_9", "--ip=10.0.0.1", "--tenant=acme"]);
    let other = record(&shell, &["--request-id=req_9", "--error=too late"]);
    record(&shell, &["--request-id=req_10", "--error=elsewhere"]);

    let out = shell.run(&["show", &id]).success().out;
    for part in [
        "project.updated  success",
        &id,
        "user:ann",
        "project:p",
        "10.0.0.1",
        "acme",
        "- Mine",
        "+ Ours",
        "\"asked for\"",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(out.contains(&other) && out.contains("too late") && !out.contains("elsewhere"), "{out}");

    let document: Value = serde_json::from_str(&shell.run(&["show", &id, "--format=json"]).success().out).unwrap();
    assert_eq!(document["entry"]["metadata"]["changes"]["name"]["to"], "Ours");
    let request: Vec<_> = document["request"].as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect();
    assert_eq!(request, [id, other]);
}

#[test]
fn ids_for_it_are_in_the_table_when_asked_for() {
    let shell = Shell::with_log();
    let id = record(&shell, &[]);
    assert!(shell.run(&["query", "--ids"]).success().out.contains(&id));
    assert!(!shell.run(&["query"]).success().out.contains(&id));
}

#[test]
fn what_is_not_there_is_a_failure_and_what_is_no_id_a_mistake() {
    let shell = Shell::with_log();
    shell.run(&["show", "019fa29c-1c7a-7b11-a7e2-6d6f0f7d2a43"]).exits_with(1).complains("there is no entry 019fa29c");
    shell.run(&["show", "7"]).exits_with(2);
}

#[test]
fn text_that_would_rule_the_terminal_is_shown_escaped() {
    let shell = Shell::with_log().with("CLICOLOR_FORCE", "1");
    let hostile = "\u{1b}[2J\u{202e}x\u{7}";
    let value = serde_json::json!({ hostile: { "from": hostile, "to": [hostile] } }).to_string();
    let id = record(&shell, &["--metadata", &value, "--error", hostile, "--user-agent", hostile, "--tenant", hostile]);
    for format in ["text", "json"] {
        let out = shell.run(&["show", &id, "--format", format]).success().out;
        assert!(!out.contains("\u{1b}[2J") && !out.contains(['\u{202e}', '\u{7}']), "{format}: {out:?}");
        assert!(out.to_lowercase().contains("202e"), "{format}: {out:?}");
    }
    let out = shell.run(&["stats"]).success().out;
    assert!(!out.contains("\u{1b}[2J"), "{out:?}");
}
