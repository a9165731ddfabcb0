//! `audit redact` and `audit hold`.

use serde_json::Value;

use crate::support::Shell;

fn with_entry() -> Shell {
    let shell = Shell::with_log();
    let record = [
        "record",
        "--actor=user:user_1",
        "--action=user.invited",
        "--target=user:user_2",
        "--ip=10.0.0.1",
        r#"--metadata={"role":"admin"}"#,
    ];
    shell.run(&record).success();
    shell
}

#[test]
fn values_are_erased_and_verifying_tells_who_and_why() {
    let shell = with_entry();
    let ran = shell.run(&[
        "redact",
        "--actor=user:user_1",
        "--fields=ip_address,metadata.role",
        "--reason=request 117",
        "--by=user:counsel",
    ]);
    assert_eq!(ran.success().out, "1 entry holds less now; 0 had nothing of it\n");
    let entry = &shell.entries(&["--actor=user:user_1"])[0];
    assert_eq!((&entry["ip_address"], &entry["metadata"]), (&Value::Null, &serde_json::json!({})));
    let out = shell.run(&["verify"]).success().out;
    assert!(out.contains("of 1 entry something was erased"), "{out}");
    assert!(out.contains("counsel erased ip_address, metadata.role of 1 entry: request 117"), "{out}");
}

#[test]
fn what_cannot_be_erased_is_refused_with_what_can() {
    let shell = with_entry();
    shell
        .run(&["redact", "--actor=user:u", "--fields=action", "--reason=r"])
        .exits_with(2)
        .complains("write actor_id, target_id");
    shell.run(&["redact", "--fields=actor_id", "--reason=r"]).exits_with(2).complains("--actor");
    shell.run(&["redact", "--actor=user:u", "--fields=actor_id", "--reason="]).exits_with(2);
}

#[test]
fn a_hold_keeps_entries_until_it_is_released() {
    let shell = with_entry();
    let id = shell.run(&["hold", "add", "--actor=user_1", "--reason=case 7", "--by=user:counsel"]).success().out;
    let id = id.trim();
    let listed = shell.run(&["hold", "list"]).success().out;
    assert!(listed.contains(id) && listed.contains("case 7") && listed.contains("user:counsel"), "{listed}");
    let redact = ["redact", "--actor=user:user_1", "--fields=ip_address", "--reason=r"];
    shell.run(&redact).exits_with(1).complains("under the legal hold");
    shell.run(&["hold", "remove", id, "--reason=closed"]).success();
    shell.run(&["hold", "remove", id, "--reason=closed"]).exits_with(1).complains("there is no active hold");
    shell.run(&redact).success();
    shell.run(&["hold", "add", "--reason=nothing"]).exits_with(2).complains("what it covers");
    assert_eq!(shell.run(&["hold", "list", "--format=json"]).success().out.trim(), "[]");
}
