//! The examples do what they promise, on both stores. `cargo test --workspace` has built them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use audit_core::query::{Query, Reader};
use audit_core::store::Schema;
use audit_core::{Actor, Outcome, Row};
use serde_json::json;
use tests::kills::{self, Options};
use tests::{examples, postgres};

const NOTHING: &[&str] = &[];

fn run(name: &str, arguments: &[impl AsRef<OsStr>], folder: &Path, url: Option<&str>) -> Output {
    let mut command = Command::new(examples::path(name));
    command.args(arguments).current_dir(folder).env_remove("DATABASE_URL");
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {out}{err}");
    output
}

async fn log(url: &str) -> Vec<Row> {
    let reader = Reader::connect(url, &Schema::default()).await.unwrap();
    reader.page(&Query::new()).await.unwrap().rows
}

fn check_quickstart(rows: &[Row]) {
    let mut outcomes: Vec<_> = rows.iter().map(|row| row.outcome).collect();
    outcomes.sort_unstable();
    outcomes.dedup();
    assert_eq!(outcomes, [Outcome::Success, Outcome::Failure, Outcome::Cancelled, Outcome::Panicked]);

    let created = rows.iter().find(|row| row.action == "project.created").unwrap();
    let Actor { actor_type, id } = Actor::user("user_123");
    assert_eq!((created.actor_type, created.actor_id.as_deref()), (actor_type, Some(id.as_str())));
    assert_eq!((created.target_type.as_str(), created.target_id.as_deref()), ("project", Some("proj_456")));
    assert_eq!(json!(created.metadata), json!({"changes": {"name": "MyProject"}}));
    assert_eq!(created.ip_address, Some("192.168.1.1".parse().unwrap()));
    assert_eq!(created.user_agent.as_deref(), Some("Mozilla/5.0..."));
}

#[tokio::test]
async fn quickstart_needs_no_configuration_and_a_second_run_adds_to_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("audit-quickstart.db").display());
    run("quickstart", NOTHING, folder.path(), None);
    let first = log(&url).await;
    check_quickstart(&first);
    run("quickstart", NOTHING, folder.path(), None);
    assert_eq!(log(&url).await.len(), 2 * first.len());
}

#[tokio::test]
async fn quickstart_does_the_same_on_postgresql() {
    let database = postgres::server().database().await;
    let folder = tempfile::tempdir().unwrap();
    run("quickstart", NOTHING, folder.path(), Some(&database.url()));
    check_quickstart(&log(&database.url()).await);
}

#[tokio::test]
async fn load_finds_one_row_for_every_call() {
    let database = postgres::server().database().await;
    let folder = tempfile::tempdir().unwrap();
    for url in [None, Some(database.url())] {
        let output = run("load", &["--calls=5000", "--tasks=16"], folder.path(), url.as_deref());
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(out.contains("5,000 rows for 5,000 calls, 0 of them twice"), "{out}");
        assert!(out.contains(": balanced"), "{out}");
    }
    assert_eq!(database.value::<i64>("SELECT count(*) FROM control_plane.audit_logs").await, 5000);
}

#[tokio::test]
async fn load_keeps_what_it_acknowledged_however_often_it_is_killed() {
    let verdict = kills::run(&Options { rounds: 4, seed: 7, load: examples::path("load") }).await;
    assert!(verdict.acknowledged > 0);
    verdict.assert_good_and_none_refused();
}

#[tokio::test]
async fn administrators_see_load_by_its_name() {
    let database = postgres::server().database().await;
    let folder = tempfile::tempdir().unwrap();
    let mut load = Command::new(examples::path("load"))
        .args(["--calls=100000000", "--database-url", &database.url()])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let sql = "SELECT count(*) FROM pg_stat_activity
               WHERE application_name = 'audit-writer load' AND datname = current_database()";
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut seen = 0;
    while seen == 0 && Instant::now() < deadline {
        seen = database.value::<i64>(sql).await;
    }
    load.kill().unwrap();
    load.wait().unwrap();
    assert_eq!(seen, 1);
}

/// What a short example prints, line by line.
fn lines(name: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let output = run(name, NOTHING, folder.path(), None);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn sync_program_records_without_a_runtime() {
    let expected = [
        "deleted proj_1: unused for a year",
        "kept proj_2: it still has members",
        "deleted proj_3: unused for a year",
        "revoked key_7",
        "the log took 4 entries and lost 0",
    ];
    assert_eq!(lines("sync_program"), expected);
}

#[test]
fn custom_catalog_announces_what_its_catalog_says_is_announced() {
    let lines = lines("custom_catalog");
    let viewed = ["card_2 failure", "card_2 attempted", "card_1 success", "card_1 attempted"];
    assert_eq!(lines[lines.len() - 4..], viewed.map(|end| format!("card.viewed {end}")));
    assert!(lines[lines.len() - 5].starts_with("the catalog has 16 actions"), "{lines:?}");
}

#[test]
fn background_job_keeps_who_asked() {
    let expected = [
        "suspended proj_456: unpaid",
        "suspended proj_9: over its hard cap",
        "suspend-worker project.suspended proj_9 · request - · origin -",
        "user_123 project.suspended proj_456 · request req_9 · origin job:suspend",
    ];
    assert_eq!(lines("background_job"), expected);
}

#[test]
fn transactional_outbox_leaves_nothing_of_what_was_rolled_back() {
    let expected = ["committed project 1", "rolled back project 2", "in the log: project.created 1"];
    assert_eq!(lines("transactional_outbox"), expected);
}

#[test]
fn outage_recovery_waits_for_nobody_and_loses_nothing() {
    let expected = [
        "database there: ok",
        "database away:  degraded: 10 entries wait in the journal, and go to the store in order",
        "database back:  ok",
        "the log took 11 entries and lost 0",
    ];
    assert_eq!(lines("outage_recovery"), expected);
}

#[test]
fn testing_shows_the_nearest_miss_and_what_was_recorded() {
    let expected = [
        "three tests hold",
        r#"one does not: no audit entry has action = "user.invited", target = "user:user_2", metadata.role = "admin""#,
        "nearest is entry 1, which differs in",
        r#"    metadata.role: "viewer", and not "admin""#,
        "recorded were",
        r#"    1  success    system:unattributed  user.invited  user:user_2  {"role":"viewer"}"#,
        r#"    2  failure    system:unattributed  user.invited  user:user_3  {"role":"emperor"}  error "there is no role emperor""#,
    ];
    assert_eq!(lines("testing"), expected);
}

#[test]
fn verify_tamper_finds_the_change_that_the_guards_would_have_refused() {
    let lines = lines("verify_tamper");
    assert_eq!(lines[1], "before: intact: true");
    assert!(lines[2].ends_with("UPDATE on audit_logs is refused"), "{lines:?}");
    assert_eq!(lines[3..5], ["without its guards it takes it: 1 row changed", "after: intact: false"]);
    assert!(lines[5].contains("the only row of batch 1 "), "{lines:?}");
}
