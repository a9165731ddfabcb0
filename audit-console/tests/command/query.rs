//! `audit query`: filters, pages and formats.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::support::Shell;
use serde_json::Value;
use tests::postgres;

fn record(shell: &Shell, actor: &str, action: &str, target: &str) {
    shell.run(&["record", "--actor", actor, "--action", action, "--target", target]).success();
}

#[test]
fn each_filter_leaves_what_it_names() {
    let shell = Shell::with_log();
    record(&shell, "user:ann", "project.created", "project:p1");
    record(&shell, "api_key:ann", "project.deleted", "project:p1");
    record(&shell, "user:bob", "secret.accessed", "secret:p1");

    let count = |filters: &[&str]| shell.entries(filters).len();
    assert_eq!(count(&["--actor=ann"]), 2);
    assert_eq!(count(&["--actor=user:ann"]), 1);
    assert_eq!(count(&["--action=project.deleted"]), 1);
    assert_eq!(count(&["--target=project:p1"]), 2);
    assert_eq!(count(&["--target-id=p1"]), 3);
    assert_eq!(count(&["--target-type=secret"]), 1);
    assert_eq!(count(&["--actor=ann", "--target-type=secret"]), 0);
    assert_eq!(count(&["--since=1h"]), 3);
    assert_eq!(count(&["--since=2999-01-01"]), 0);
    assert_eq!(count(&["--until=1h"]), 0);
    assert_eq!(count(&["--until=2999-01-01"]), 3);
    assert_eq!(count(&["--since=2020-01-01", "--until=2020-12-31"]), 0);
}

#[test]
fn the_language_and_the_flags_hold_together() {
    let shell = Shell::with_log();
    record(&shell, "user:ann", "project.created", "project:p1");
    record(&shell, "api_key:ann", "project.deleted", "project:p1");
    record(&shell, "user:bob", "secret.accessed", "secret:p1");

    let count = |arguments: &[&str]| shell.entries(arguments).len();
    assert_eq!(count(&["actor:ann"]), 2);
    assert_eq!(count(&["actor:user/ann", "action:project.*"]), 1);
    assert_eq!(count(&["actor:ann -action:project.deleted"]), 1);
    assert_eq!(count(&["--", "-actor:ann"]), 1);
    assert_eq!(count(&["ACCESSED"]), 1);
    assert_eq!(count(&["actor:ann", "--target-type=project", "--since=1h"]), 2);
    assert_eq!(count(&["actor:ann", "--actor=bob"]), 0);
    assert_eq!(count(&["created:>=1h tenant:*"]), 0);
}

#[test]
fn a_wrong_word_is_underlined_and_what_was_meant_is_said() {
    let shell = Shell::with_log();
    let ran = shell.run(&["query", "actor:x outcome:failed"]).exits_with(2);
    let ran = ran.complains("`failed` is not an outcome").complains("did you mean `failure`?");
    let lines: Vec<_> = ran.err.lines().collect();
    let at = lines.iter().position(|line| line.contains("actor:x outcome:failed")).unwrap();
    let column = |line: &str, text: &str| line.split_once(text).unwrap().0.chars().count();
    assert_eq!(column(lines[at + 1], "─"), column(lines[at], "failed"), "{}", ran.err);
    // What the terminal would obey is written out, and the label is still under the word.
    let ran = shell.run(&["query", "\u{202e}\u{1b}[2J actr:x"]).exits_with(2).complains("did you mean `actor`?");
    assert!(!ran.err.contains(['\u{202e}', '\u{1b}']), "{}", ran.err);
}

#[test]
fn a_total_is_told_when_it_is_asked_for_and_says_how_sure_it_is() {
    let shell = Shell::with_log();
    for id in ["s1", "s2", "s3"] {
        record(&shell, "user:u", "secret.accessed", &format!("secret:{id}"));
    }
    shell.run(&["query", "--limit=1", "--total=exact"]).success().complains("total: 3");
    let ran = shell.run(&["query", "secret:s2", "--limit=1", "--total=estimate", "--format=json"]).exits_with(2);
    ran.complains("`secret` is no field");
    let ran = shell.run(&["query", "--limit=1", "--total=estimate", "--format=json"]).success();
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["total"], serde_json::json!({ "count": 3, "how": "exact" }));
    assert!(!shell.run(&["query", "--limit=1"]).success().err.contains("total"));
}

#[test]
fn pages_turn_back_and_oldest_first() {
    let shell = Shell::with_log();
    for id in ["s1", "s2", "s3", "s4"] {
        record(&shell, "user:u", "secret.accessed", &format!("secret:{id}"));
    }
    let page = |arguments: &[&str]| -> (Vec<Value>, Value, Value) {
        let ran = shell.run(&[&["query", "--format=json", "--limit=2"], arguments].concat()).success();
        let mut page: Value = serde_json::from_str(&ran.out).unwrap();
        let ids = page["entries"].as_array().unwrap().iter().map(|entry| entry["target_id"].clone()).collect();
        (ids, page["next"].take(), page["previous"].take())
    };
    let (ids, next, previous) = page(&["--order=oldest-first"]);
    assert_eq!((ids, previous), (vec!["s1".into(), "s2".into()], Value::Null));
    let (ids, next, previous) = page(&["--order=oldest-first", "--after", next.as_str().unwrap()]);
    assert_eq!((ids, next), (vec!["s3".into(), "s4".into()], Value::Null));
    let (ids, _, previous) = page(&["--order=oldest-first", "--before", previous.as_str().unwrap()]);
    assert_eq!((ids, previous), (vec!["s1".into(), "s2".into()], Value::Null));
}

#[test]
fn following_the_printed_commands_shows_every_entry_once_newest_first() {
    let shell = Shell::with_log();
    for number in 0..7 {
        record(&shell, "user:it's me", "secret.accessed", &format!("secret:{number}"));
    }
    let mut arguments =
        "query --actor 'user:it'\\''s me' --since 1h --limit 3 --format jsonl -- -outcome:denied".to_owned();
    let mut seen = Vec::new();
    loop {
        // The shell reads the command as a person would paste it.
        let output = Command::new("sh")
            .args(["-c", &format!("\"$0\" {arguments}"), env!("CARGO_BIN_EXE_audit")])
            .current_dir(shell.folder())
            .env("DATABASE_URL", "sqlite:audit.db")
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{err}");
        seen.extend(out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["target_id"].clone()));
        assert!(seen.len() <= 7, "{seen:?}");
        match err.lines().find_map(|line| line.strip_prefix("more: audit ")) {
            Some(next) => arguments = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["6", "5", "4", "3", "2", "1", "0"]);
}

#[tokio::test]
async fn the_printed_command_asks_the_database_that_the_flag_named() {
    let database = postgres::server().database().await;
    // Whoever loses the flag asks this log, which is another one.
    let shell = Shell::with_log();
    let flag = format!("--database-url={}", database.url());
    shell.run(&["migrate", &flag]).success();
    for id in ["s1", "s2"] {
        let target = format!("secret:{id}");
        shell.run(&["record", "--actor=user:u", "--action=secret.accessed", "--target", &target, &flag]).success();
    }
    let first = shell.run(&["query", "--limit=1", &flag]).success();
    let next: Vec<_> = first.err.trim().strip_prefix("more: audit ").unwrap().split(' ').collect();
    let second = shell.run(&next).success();
    assert!(second.out.contains("secret:s1"), "{next:?}: {}{}", second.out, second.err);

    let secret = flag.replace("postgres@", "postgres:hunter2@");
    let ran = shell.run(&["query", "--limit=1", &secret]).success().complains("# with the same --database-url");
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
}

#[test]
fn json_holds_the_entries_and_the_next_cursor() {
    let shell = Shell::with_log();
    for id in ["s1", "s2"] {
        record(&shell, "user:u", "secret.accessed", &format!("secret:{id}"));
    }
    let page = |arguments: &[&str]| -> Value {
        let ran = shell.run(&[&["query", "--format=json", "--limit=1"], arguments].concat()).success();
        serde_json::from_str(&ran.out).unwrap()
    };
    let first = page(&[]);
    assert_eq!(first["entries"][0]["target_id"], "s2");
    let last = page(&["--after", first["next"].as_str().unwrap()]);
    assert_eq!(last["entries"][0]["target_id"], "s1");
    assert_eq!(last["next"], Value::Null);
}

#[test]
fn text_that_would_rule_the_terminal_is_shown_escaped_in_every_format() {
    let shell = Shell::with_log();
    let hostile = "\u{1b}[2J\u{202e}x\u{7}";
    let metadata = serde_json::json!({ hostile: hostile }).to_string();
    let target = format!("project:{hostile}");
    let arguments = ["record", "--actor=user:u", "--action=project.created", "--target", &target];
    shell.run(&[&arguments[..], &["--metadata", &metadata, "--error", hostile]].concat()).success();

    for format in ["table", "json", "jsonl"] {
        let out = shell.run(&["query", "--format", format]).success().out;
        assert!(!out.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{format}: {out:?}");
        assert!(out.to_lowercase().contains("202e"), "{format}: {out:?}");
    }
    assert_eq!(shell.entries(&[])[0]["target_id"], hostile);
}

#[test]
fn a_typo_in_a_filter_is_answered_with_what_was_meant() {
    let shell = Shell::with_log();
    shell.run(&["query", "--action=project.creatd"]).success().complains("did you mean --action project.created?");
    shell.run(&["query", "--since=yesterday"]).exits_with(2).complains("write a day (2026-11-23)");
    shell.run(&["query", "--outcome=ok"]).exits_with(2).complains("write success, failure, denied");
    shell.run(&["query", "--since=24h", "--until=7d"]).exits_with(2).complains("--since is the earlier of the two");
    shell.run(&["query", "--actor="]).exits_with(2).complains("--actor");
    shell.run(&["query", "--after=page-2"]).exits_with(2).complains("not a cursor");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let shell = Shell::with_log();
    record(&shell, "user:u", "secret.accessed", "secret:s");
    let mut child = Command::new(env!("CARGO_BIN_EXE_audit"))
        .args(["query"])
        .current_dir(shell.folder())
        .env("DATABASE_URL", "sqlite:audit.db")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}
