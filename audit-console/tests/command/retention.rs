//! `audit retention`, and `audit verify` afterwards.

use serde_json::Value;

use crate::support::Shell;

/// A log of an old entry and a young one, sealed and signed by a key that is trusted.
fn with_an_old_entry() -> Shell {
    let shell = Shell::with_log();
    shell.record_days_ago(100);
    shell.record_days_ago(0);
    let ran = shell.run(&["keys", "generate", "log.example.org", "--out=log.key"]).success();
    std::fs::write(shell.folder().join("trusted"), format!("log {}", ran.out)).unwrap();
    shell.run(&["seal", "--once", "--key-file=log.key"]).success();
    shell
}

#[test]
fn what_is_old_goes_and_verify_tells_when_and_by_whom() {
    let shell = with_an_old_entry().with("USER", "keeper");
    let status = shell.run(&["retention", "status", "--keep=90d"]).success().complains("1 of 2 would go, with 1 rows");
    assert!(status.out.contains("goes") && status.out.contains("within the limit"), "{}", status.out);
    let status = shell.run(&["retention", "status", "--keep=90d", "--format=json"]).success().out;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status[0]["stays"], &status[1]["stays"]), (&Value::Null, &"young".into()));

    let applied = shell.run(&["retention", "apply", "--keep=90d", "--key-file=log.key"]).success();
    assert_eq!(applied.out, "1 rows are gone, in 1 prunings, signed by log.example.org\n");
    assert_eq!(shell.entries(&["--action=door.opened"]).len(), 1);
    let told = shell.entries(&["--action=audit.pruned"]);
    assert_eq!(told.iter().map(|entry| &entry["outcome"]).collect::<Vec<_>>(), ["success", "attempted"]);
    assert_eq!(told[0]["actor_id"], "keeper");

    let ran = shell.run(&["verify", "--keys=trusted"]).success();
    assert!(
        ran.out.contains("1 entry created from ") && ran.out.contains(" by keeper, signed by log.example.org"),
        "{}",
        ran.out
    );
    let ran = shell.run(&["verify"]).success();
    assert!(ran.out.contains("signed by no trusted key"), "{}", ran.out);
    let document: Value =
        serde_json::from_str(&shell.run(&["verify", "--keys=trusted", "--format=json"]).success().out).unwrap();
    let pruning = &document["prunings"][0];
    assert_eq!((&pruning["rows"], &pruning["pruned_by"]), (&1.into(), &"keeper".into()));
    let applied = shell.run(&["retention", "apply", "--keep=90d", "--key-file=log.key"]).success();
    assert_eq!(applied.out, "nothing is old enough to go\n");
}

#[test]
fn a_signed_log_is_not_pruned_without_its_key() {
    let shell = with_an_old_entry();
    shell.run(&["retention", "apply", "--keep=90d"]).exits_with(2).complains("prune it with its key");
    shell.run(&["keys", "generate", "other.example.org", "--out=other.key"]).success();
    shell.run(&["retention", "apply", "--keep=90d", "--key-file=other.key"]).exits_with(1).complains("log.example.org");
    assert_eq!(shell.entries(&["--action=door.opened"]).len(), 2);
    shell.run(&["verify", "--keys=trusted"]).success();
}

#[test]
fn what_was_removed_under_a_made_up_record_is_found() {
    let shell = with_an_old_entry();
    shell.execute(
        "DROP TRIGGER audit_logs_no_delete;
         INSERT INTO audit_prunings SELECT 0, 0, unixepoch() * 1000000, 1, 0, unhex('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
             size, root_hash, unixepoch() * 1000000, 'nobody', NULL FROM audit_checkpoints;
         DELETE FROM audit_logs WHERE created_at = (SELECT max(created_at) FROM audit_logs)",
    );
    let ran = shell.run(&["verify", "--keys=trusted"]).exits_with(1);
    assert!(ran.out.contains("the record of pruning 0") && ran.out.contains("was removed or moved"), "{}", ran.out);
}

#[test]
fn an_age_is_needed_and_a_file_has_no_interval() {
    let shell = with_an_old_entry();
    shell.run(&["retention", "status"]).exits_with(2).complains("--keep");
    shell.run(&["retention", "status", "--keep=2026-01-01"]).exits_with(2).complains("write how long: 400d");
    shell.run(&["retention", "apply", "--keep=0d", "--key-file=log.key"]).exits_with(1).complains("less than an hour");
    shell.run(&["retention", "interval", "day", "--keep=30d"]).exits_with(1).complains("SQLite has no partitions");
    shell
        .run(&["retention", "interval", "year", "--keep=30d"])
        .exits_with(2)
        .complains("hour, day, week, month or auto");
}

#[test]
fn what_went_is_in_a_file_that_is_verified_without_the_database() {
    let shell = with_an_old_entry();
    let apply = ["retention", "apply", "--keep=90d", "--key-file=log.key", "--archive=archive"];
    shell.run(&apply).exits_with(2).complains("there is no directory archive");
    std::fs::create_dir(shell.folder().join("archive")).unwrap();
    shell.run(&apply).success().complains("now in archive/audit-");
    let file = std::fs::read_dir(shell.folder().join("archive")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(shell.folder().join("audit.db")).unwrap();

    let option = format!("--archive={}", file.display());
    let ran = shell.run(&["verify", &option, "--keys=trusted"]).success();
    assert!(ran.out.starts_with("✓ intact: 1 entry in 1 batch, created from "), "{}", ran.out);
    assert!(ran.out.contains("of log.example.org, signed by log.example.org+"), "{}", ran.out);
    let ran = shell.run(&["verify", &option]).success();
    assert!(ran.out.contains("give --keys"), "{}", ran.out);
    let ran = shell.run(&["verify", &option, "--keys=trusted", "--format=json"]).success();
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&document["intact"], &document["rows"]), (&true.into(), &1.into()));

    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    let ran = shell.run(&["verify", &option, "--keys=trusted"]).exits_with(1);
    assert!(ran.out.starts_with("✗ broken: "), "{}", ran.out);
    shell.run(&["verify", "--archive=nowhere"]).exits_with(2).complains("cannot be opened");
    shell.run(&["verify", "--archive=trusted"]).exits_with(2).complains("none of gzip");
}
