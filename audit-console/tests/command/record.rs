//! `audit record`: what it takes, and what the log then holds.

use crate::support::Shell;
use serde_json::json;

#[test]
fn the_entry_of_a_project_made_by_a_user_is_read_back_whole() {
    let shell = Shell::with_log();
    let arguments = [
        "record",
        "--actor=user:user_123",
        "--action=project.created",
        "--target=project:proj_456",
        r#"--metadata={"changes": {"name": "MyProject"}}"#,
        "--ip=192.168.1.1",
        "--user-agent=Mozilla/5.0...",
    ];
    let ran = shell.run(&arguments).success();

    let entries = shell.entries(&[]);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["id"], ran.out.trim());
    let expected = json!({
        "actor_id": "user_123", "actor_type": "user", "action": "project.created",
        "target_type": "project", "target_id": "proj_456", "metadata": {"changes": {"name": "MyProject"}},
        "ip_address": "192.168.1.1", "user_agent": "Mozilla/5.0...", "outcome": "success",
    });
    for (column, value) in expected.as_object().unwrap() {
        assert_eq!(&entries[0][column], value, "{column}");
    }
    let table = shell.run(&["query"]).success().out;
    for text in ["user:user_123", "project.created", "project:proj_456", "192.168.1.1", "success", "MyProject"] {
        assert!(table.contains(text), "{text} is not in: {table}");
    }
}

#[test]
fn request_tenant_outcome_and_error_reach_the_log() {
    let shell = Shell::with_log();
    let common = ["record", "--actor=api_key:key_7", "--action=secret.accessed", "--target=secret:sec_1"];
    shell.run(&[&common[..], &["--request-id=req_9", "--tenant=acme", "--outcome=denied"]].concat()).success();
    shell.run(&[&common[..], &["--error=no such secret"]].concat()).success();

    let denied = shell.entries(&["--request-id=req_9", "--tenant=acme", "--outcome=denied"]);
    assert_eq!(denied.len(), 1);
    let failed = shell.entries(&["--outcome=failure"]);
    assert_eq!(failed[0]["error"], "no such secret");
    shell.run(&[&common[..], &["--error=x", "--outcome=success"]].concat()).exits_with(2);
}

#[test]
fn an_unknown_action_is_refused_with_the_nearest_name() {
    let shell = Shell::with_log();
    let arguments = ["record", "--actor=user:u", "--action=project.creatd", "--target=project:p"];
    shell
        .run(&arguments)
        .exits_with(2)
        .complains("unknown audit action `project.creatd`; did you mean `project.created`?")
        .complains("--allow-unlisted");
    assert_eq!(shell.entries(&[]).len(), 0);

    shell.run(&[&arguments[..], &["--allow-unlisted"]].concat()).success();
    assert_eq!(shell.entries(&["--action=project.creatd"]).len(), 1);
}

#[test]
fn a_target_of_another_type_than_the_catalogs_is_refused() {
    let shell = Shell::with_log();
    shell
        .run(&["record", "--actor=user:u", "--action=project.created", "--target=user:u"])
        .exits_with(2)
        .complains("--target project:ID");
    assert_eq!(shell.entries(&[]).len(), 0);
}

#[test]
fn metadata_that_is_no_object_is_kept_and_warned_about() {
    let shell = Shell::with_log();
    for text in ["[1,2]", "{\"broken", "1e999999"] {
        let arguments =
            ["record", "--actor=user:u", "--action=project.created", "--target=project:p", "--metadata", text];
        shell.run(&arguments).success().complains("warning: --metadata is not a JSON object");
    }
    let entries = shell.entries(&[]);
    let metadata: Vec<_> = entries.iter().map(|entry| entry["metadata"].to_string()).collect();
    assert!(metadata[2].contains("[1,2]"), "{metadata:?}");
    assert!(metadata[1].contains(r#"{\"broken"#), "{metadata:?}");
    assert!(metadata[0].contains("1e999999"), "{metadata:?}");
}

#[test]
fn an_entry_that_cannot_be_stored_is_not_said_to_be() {
    let shell = Shell::new().with("DATABASE_URL", "sqlite:empty.db");
    std::fs::write(shell.folder().join("empty.db"), "").unwrap();
    let ran = shell.run(&["record", "--actor=user:u", "--action=project.created", "--target=project:p"]).exits_with(1);
    assert_eq!(ran.out, "");
    ran.complains("audit migrate");
}
