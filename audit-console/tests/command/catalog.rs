//! `audit catalog`: what is recorded, for people, programs and the CI.

use std::fs;

use serde_json::Value;

use crate::support::Shell;

#[test]
fn every_format_holds_every_action() {
    let shell = Shell::new();
    for format in ["markdown", "json", "json-schema", "ocsf"] {
        let out = shell.run(&["catalog", "--format", format]).success().out;
        for action in ["project.created", "user.role_changed", "secret.rotated"] {
            assert!(out.contains(action), "{format}: {action}");
        }
        if format != "markdown" {
            serde_json::from_str::<Value>(&out).unwrap();
        }
    }
}

#[test]
fn what_is_exported_is_as_the_schema_says() {
    let shell = Shell::with_log();
    let recorded = ["record", "--actor=user:u", "--action=user.role_changed", "--target=user:v"];
    shell.run(&[&recorded[..], &["--metadata", r#"{"old_role":"a","new_role":"b"}"#]].concat()).success();
    let entry: Value = serde_json::from_str(&shell.run(&["export"]).success().out).unwrap();
    let schema: Value = serde_json::from_str(&shell.run(&["catalog", "--format=json-schema"]).success().out).unwrap();
    for required in schema["required"].as_array().unwrap() {
        assert!(!entry[required.as_str().unwrap()].is_null(), "{required}");
    }
    let action = &schema["$defs"]["user.role_changed"]["properties"];
    assert_eq!(entry["action"], action["action"]["const"]);
    assert_eq!(entry["target_type"], action["target_type"]["const"]);
    assert_eq!(action["metadata"]["required"], serde_json::json!(["old_role", "new_role"]));
    assert_eq!(action["metadata"]["properties"]["organization"]["type"], serde_json::json!(["string", "null"]));
}

#[test]
fn a_breaking_change_fails_the_ci_and_another_does_not() {
    let shell = Shell::new();
    let current = shell.run(&["catalog", "--format=json"]).success().out;
    let write = |name: &str, text: &str| fs::write(shell.folder().join(name), text).unwrap();
    write("same.json", &current);
    shell.run(&["catalog", "--check=same.json"]).success().complains("nothing is broken");

    let earlier =
        current.replace("\"project.created\"", "\"project.creatd\"").replace("\"Option<Vec<String>>\"", "\"String\"");
    write("earlier.json", &earlier);
    let ran = shell.run(&["catalog", "--check=earlier.json"]).exits_with(1).complains("3 breaking changes");
    assert!(ran.out.contains("action `project.creatd` is gone, and `project.created` is new"), "{}", ran.out);
    assert!(ran.out.contains("metadata `scopes` of `key.created` was `String`"), "{}", ran.out);
    shell.run(&["catalog", "--check=earlier.json", "--catalog=earlier.json"]).success();

    write("rubbish.json", "{}");
    shell.run(&["catalog", "--check=rubbish.json"]).exits_with(2).complains("this is no catalog");
    shell.run(&["catalog", "--check=nowhere.json"]).exits_with(2).complains("cannot read nowhere.json");
}
