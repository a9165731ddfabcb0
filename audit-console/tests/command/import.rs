//! `audit import`, and what `audit verify` and queries say afterwards.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use audit_core::import::{Fate, Field, Import, ImportError, Record, Rejection};
use audit_core::store::Schema;
use serde_json::{Value, json};
use tests::importing::{SEED, WITH_REQUEST_ID, differing, fill};
use tests::postgres;

use crate::support::{Ran, Shell};

/// Of time, from those of a table until now.
const YEARS: u32 = 5;

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap()
}

fn counts(document: &Value) -> [u64; 6] {
    ["read", "imported", "changed", "present", "rejected", "in_log"].map(|name| document[name].as_u64().unwrap())
}

/// The lines of the file of rejects, by place.
fn rejects(shell: &Shell) -> BTreeMap<u64, Value> {
    let text = std::fs::read_to_string(shell.folder().join("audit-import-rejects.jsonl")).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (line["place"].as_u64().unwrap(), line)).collect()
}

async fn imports_the_seeds_table(columns: &[&str]) {
    let database = postgres::server().database().await;
    database.execute(SEED).await;
    fill(&database, 4_500, YEARS).await;
    for column in columns {
        database.execute(column).await;
        database
            .execute("UPDATE control_plane.audit_logs SET request_id = 'req_' || target_id WHERE actor_type = 'user'")
            .await;
    }
    let also = if columns.is_empty() { "" } else { ", request_id" };
    let shell = Shell::new().with("DATABASE_URL", database.url());
    shell.run(&["migrate"]).success();

    let ran = shell.run(&["import", "--dry-run", "--format=json"]).success();
    assert_eq!(counts(&document(&ran)), [4_500, 4_500, 0, 0, 0, 0]);
    assert_eq!(database.value::<i64>("SELECT count(*) FROM control_plane.audit_batches").await, 0);

    let ran = shell.run(&["import", "--format=json"]).success();
    assert_eq!(counts(&document(&ran)), [4_500, 4_500, 0, 0, 0, 4_500]);
    assert_eq!(differing(&database, also).await, 0);
    let ran = shell.run(&["import"]).success();
    assert_eq!(
        ran.out,
        "4500 rows read from control_plane.audit_logs_legacy: 0 imported, 4500 there before, 0 rejected; the log holds 4500\n"
    );
    assert_eq!(differing(&database, also).await, 0);
    let kinds = "SELECT string_agg(DISTINCT kind, ' ') FROM control_plane.audit_batches";
    assert_eq!(database.value::<String>(kinds).await, "import");

    shell.run(&["seal", "--once"]).success();
    let ran = shell.run(&["verify"]).success();
    assert!(ran.out.contains("4500") || ran.out.contains("4,500"), "{}", ran.out);
    let id: String =
        database.value("SELECT id::text FROM control_plane.audit_logs_legacy ORDER BY created_at LIMIT 1").await;
    assert!(shell.run(&["show", &id]).success().out.contains("import:control_plane.audit_logs_legacy"));
    let found = shell.entries(&["actor:user_3 action:project.created target:target_3"]);
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["outcome"], &found[0]["metadata"]["n"]), (&"success".into(), &3.into()));
    if !columns.is_empty() {
        assert_eq!(shell.entries(&["request:req_target_3"]).len(), 1);
    }
    // Three years in years, the rest in months, what is near in weeks.
    let partitions: i64 = database.value("SELECT count(*) FROM control_plane.audit_partitions()").await;
    assert!(partitions <= 60, "{partitions}");
}

#[tokio::test]
async fn the_seeds_table_is_moved_and_nothing_of_it_changes() {
    imports_the_seeds_table(&[]).await;
}

#[tokio::test]
async fn so_is_the_seeds_table_with_request_ids() {
    imports_the_seeds_table(&[WITH_REQUEST_ID]).await;
}

#[tokio::test]
async fn a_table_moves_to_a_file_elsewhere() {
    let database = postgres::server().database().await;
    database.execute(SEED).await;
    fill(&database, 50, YEARS).await;
    let shell = Shell::with_log();
    let (from, table) = (format!("--from={}", database.url()), "--table=control_plane.audit_logs");
    for imported in [50, 0] {
        let ran = shell.run(&["import", &from, table, "--format=json"]).success();
        assert_eq!(counts(&document(&ran)), [50, imported, 0, 50 - imported, 0, 50]);
    }
    assert_eq!(shell.entries(&["action:billing.run_started", "--limit=100"]).len(), 17);
    shell.run(&["verify"]).success();
    shell.run(&["import", &from]).exits_with(2).complains("there is no table control_plane.audit_logs_legacy");
    let map = "--map=actor_id=actor";
    shell.run(&["import", &from, table, map]).exits_with(2).complains("no column `actor` to read actor_id from");
}

/// Ids are remembered to find doubled ones, and no more of them than is allowed.
#[tokio::test]
async fn a_table_whose_ids_nothing_keeps_apart_may_have_so_many_rows() {
    let database = postgres::server().database().await;
    database.execute(SEED).await;
    fill(&database, 50, YEARS).await;
    let shell = Shell::new().with("DATABASE_URL", database.url());
    shell.run(&["migrate"]).success();
    // An index over other rows, or of something else, keeps none apart.
    database
        .execute(
            "ALTER TABLE control_plane.audit_logs_legacy DROP CONSTRAINT audit_logs_pkey_legacy;
             CREATE UNIQUE INDEX ON control_plane.audit_logs_legacy (id) WHERE actor_id IS NOT NULL;
             CREATE UNIQUE INDEX ON control_plane.audit_logs_legacy (id, actor_id)",
        )
        .await;
    let ran = shell.run(&["import", "--most-ids=49"]).exits_with(1);
    ran.complains("more than 49 rows, and no index that keeps their ids apart").complains("--most-ids");
    shell.run(&["import", "--most-ids=50"]).success();
    database.execute("ALTER TABLE control_plane.audit_logs_legacy ADD PRIMARY KEY (id)").await;
    let ran = shell.run(&["import", "--most-ids=0", "--format=json"]).success();
    assert_eq!(counts(&document(&ran)), [50, 0, 0, 50, 0, 50]);
    database.execute("CREATE TABLE control_plane.newer () INHERITS (control_plane.audit_logs_legacy)").await;
    shell.run(&["import", "--most-ids=0"]).exits_with(1);
}

#[test]
fn a_table_of_the_same_file_moves_into_the_log() {
    let shell = Shell::with_log();
    shell.execute(
        "CREATE TABLE old (id INTEGER PRIMARY KEY, at TEXT, who TEXT, action TEXT, note TEXT);
         INSERT INTO old (at, who, action, note) VALUES ('2021-05-01 10:00:00', 'u1', 'project.created', 'x'),
                                                        ('2021-05-02 10:00:00', 'u2', 'project.deleted', 'y')",
    );
    let arguments = [
        "import",
        "--table=old",
        "--map=created_at=at",
        "--map=actor_id=who",
        "--set=actor_type=user",
        "--format=json",
    ];
    let ran = shell.run(&arguments).success();
    assert_eq!((counts(&document(&ran)), &document(&ran)["left_out"]), ([2, 2, 0, 0, 0, 2], &json!(["note"])));
    assert_eq!(shell.entries(&["actor:u2"])[0]["created_at"], "2021-05-02T10:00:00Z");
    assert_eq!(counts(&document(&shell.run(&arguments).success())), [2, 0, 0, 2, 0, 2]);
    shell.run(&["verify"]).success();
}

#[test]
fn a_csv_file_moves_into_the_log() {
    let shell = Shell::with_log();
    let csv = "when,who,what,details,secret\r\n\
               2020-02-29T12:00:00Z,u1,project.created,\"{\"\"name\"\": \"\"a, b\"\"}\",s\r\n\
               2020-02-29T12:00:00Z,u1,project.created,\"{\"\"name\"\": \"\"a, b\"\"}\",s\r\n\
               2020-03-01 12:00:00+01,,door.opened,,\r\n";
    std::fs::write(shell.folder().join("old.csv"), csv).unwrap();
    let arguments = [
        "import",
        "--csv=old.csv",
        "--map=created_at=when",
        "--map=actor_id=who",
        "--map=action=what",
        "--map=metadata=details",
        "--set=actor_id=cron",
        "--set=actor_type=user",
        "--set=target_id=t1",
    ];
    let ran = shell.run(&arguments).success().complains("columns that no field is read from: secret");
    assert_eq!(ran.out, "3 rows read from old.csv: 3 imported, 0 there before, 0 rejected; the log holds 3\n");
    let entries = shell.entries(&["origin:import:old.csv", "--order=oldest-first"]);
    let brief: Vec<_> = entries
        .iter()
        .map(|entry| {
            ["created_at", "actor_id", "action", "target_type"].map(|name| entry[name].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(brief[0], ["2020-02-29T12:00:00Z", "u1", "project.created", "project"]);
    assert_eq!(brief[1], brief[0]);
    assert_eq!(brief[2], ["2020-03-01T11:00:00Z", "cron", "door.opened", "door"]);
    assert_eq!(entries[0]["metadata"], json!({ "name": "a, b" }));

    // It may grow at its end.
    std::fs::write(shell.folder().join("old.csv"), format!("{csv}2020-03-02T00:00:00Z,u9,door.opened,,\n")).unwrap();
    let ran = shell.run(&arguments).success();
    assert_eq!(ran.out, "4 rows read from old.csv: 1 imported, 3 there before, 0 rejected; the log holds 4\n");
    shell.run(&["verify"]).success();
    shell.run(&["import", "--csv=old.csv", "--map=action=deed"]).exits_with(2).complains("no column `deed`");
    shell.run(&["import", "--csv=old.csv", "--map=deed=what"]).exits_with(2).complains("`deed` cannot be imported");
}

#[test]
fn json_lines_move_into_the_log() {
    let shell = Shell::with_log();
    let lines = "{\"id\": 17, \"at\": \"2022-01-01T00:00:00.5Z\", \"user\": {\"id\": \"u1\", \"kind\": \"user\"}, \
                  \"action\": \"user.invited\", \"metadata\": {\"role\": \"admin\", \"share\": 0.1}, \"extra\": 1}\n\n\
                 {\"id\": 18, \"at\": \"2022-01-01T00:00:01Z\", \"user\": null, \"action\": \"door.opened\", \
                  \"metadata\": {\"exact\": 0.12345678901234567890123}}\n";
    std::fs::write(shell.folder().join("old.jsonl"), lines).unwrap();
    let arguments = [
        "import",
        "--jsonl=old.jsonl",
        "--map=created_at=at",
        "--map=actor_id=user.id",
        "--map=actor_type=user.kind",
        "--source=legacy",
        "--format=json",
    ];
    let ran = shell.run(&arguments).success();
    assert_eq!((counts(&document(&ran)), &document(&ran)["left_out"]), ([2, 2, 0, 0, 0, 2], &json!(["extra"])));
    let entries = shell.entries(&["origin:import:legacy", "--order=oldest-first"]);
    assert_eq!(
        (&entries[0]["actor_id"], &entries[0]["metadata"]),
        (&"u1".into(), &json!({ "role": "admin", "share": 0.1 }))
    );
    assert_eq!((&entries[1]["actor_type"], &entries[1]["actor_id"]), (&"system".into(), &"unattributed".into()));
    // No double holds it: it is kept word for word.
    assert_eq!(entries[1]["metadata"]["unparsed"], "{\"exact\": 0.12345678901234567890123}");
    assert_eq!(counts(&document(&shell.run(&arguments).success())), [2, 0, 0, 2, 0, 2]);
    shell.run(&["verify"]).success();
}

#[test]
fn rows_that_cannot_be_imported_are_put_aside_with_the_reason() {
    let shell = Shell::with_log();
    let id = "6f1c3a52-0d6f-4d0e-9a44-7d1f0a8e4c11";
    let good = json!({ "action": "a.b", "created_at": "2024-01-01T00:00:00Z" });
    let with = |changes: Value| {
        let mut row = good.clone();
        row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        row.to_string()
    };
    let huge = "x".repeat(100_000);
    let lines = [
        with(json!({ "id": id })),
        with(json!({ "id": id, "action": "c.d" })),
        with(json!({ "action": "Project Created" })),
        with(json!({ "action": null })),
        with(json!({ "ip_address": "10.0.0.1:443" })),
        with(json!({ "ip_address": "10.0.0.0/8" })),
        with(json!({ "actor_id": "u", "actor_type": "robot" })),
        with(json!({ "actor_id": "u" })),
        with(json!({ "created_at": "1901-01-01T00:00:00Z" })),
        with(json!({ "created_at": "9999-01-01T00:00:00Z" })),
        with(json!({ "created_at": "infinity" })),
        with(json!({ "outcome": "perhaps" })),
        with(json!({ "duration_us": -1 })),
        "{\"action\": \"a.b\", \"actor_id\": \"\\ud800\"}".to_owned(),
        "[1, 2]".to_owned(),
        "not JSON".to_owned(),
        with(json!({ "user_agent": "a\0b", "id": "nul" })),
        with(json!({ "metadata": { "huge": huge }, "id": "huge" })),
        with(json!({ "metadata": "{\"broken\": ", "id": "broken" })),
        with(json!({ "metadata": [1, 2], "id": "list" })),
        with(json!({ "created_at": "1970-01-01T00:00:00Z", "id": "oldest" })),
    ];
    let mut bytes = lines.join("\n").into_bytes();
    bytes.extend(b"\n{\"action\": \"\xff\"}\n");
    std::fs::write(shell.folder().join("hostile.jsonl"), bytes).unwrap();
    for (imported, present) in [(6, 0), (0, 6)] {
        let ran = shell.run(&["import", "--jsonl=hostile.jsonl", "--format=json"]).exits_with(1);
        let changed = if imported > 0 { 2 } else { 0 };
        assert_eq!(counts(&document(&ran)), [22, imported, changed, present, 16, 6]);
        let rejects = rejects(&shell);
        let reason = |place: u64| rejects[&place]["reason"].as_str().unwrap();
        assert_eq!(reason(2), "a row before it has the same id");
        assert_eq!(reason(3), "action is not lower-case words joined by dots");
        assert_eq!(reason(4), "action is missing");
        assert_eq!(reason(5), "ip_address is not an IP address");
        assert_eq!(reason(6), "ip_address is not an IP address");
        assert_eq!(reason(7), "actor_type is not user, system or api_key");
        assert_eq!(reason(8), "actor_type is missing");
        assert_eq!(reason(9), "created_at is before 1970");
        assert_eq!(reason(10), "created_at is more than 13 days ahead");
        assert_eq!(reason(11), "created_at is not a time such as 2024-02-29T12:00:00Z");
        assert!(reason(12).starts_with("outcome is not success"));
        assert_eq!(reason(13), "duration_us is not a whole number of µs");
        for place in [14, 15, 16, 22] {
            assert!(reason(place).starts_with("it is no JSON object: "), "{}", reason(place));
            assert!(rejects[&place]["text"].is_string());
        }
        assert_eq!(rejects[&10]["row"], json!({ "action": "a.b", "created_at": "9999-01-01T00:00:00Z" }));
        if imported > 0 {
            assert_eq!((&rejects[&17]["imported"], &rejects[&17]["row"]["user_agent"]), (&true.into(), &"a\0b".into()));
            assert_eq!(rejects[&18]["row"]["metadata"].as_str().unwrap().len(), 100_011);
        }
    }
    let entries = shell.entries(&["--order=oldest-first", "--limit=100"]);
    assert_eq!(entries[0]["created_at"], "1970-01-01T00:00:00Z");
    let unparsed: Vec<_> = entries.iter().filter_map(|entry| entry["metadata"]["unparsed"].as_str()).collect();
    assert_eq!(unparsed, ["{\"broken\": "]);
    shell.run(&["verify"]).success();
}

#[test]
fn ragged_and_foreign_cells_of_csv_are_put_aside() {
    let shell = Shell::with_log();
    let mut csv = b"action,created_at,actor_id\na.b,2024-01-01T00:00:00Z\na.b,2024-01-01T00:00:00Z,\xff\n".to_vec();
    csv.extend(b"a.b,2024-01-01T00:00:00Z,\n");
    std::fs::write(shell.folder().join("bad.csv"), csv).unwrap();
    let ran = shell.run(&["import", "--csv=bad.csv"]).exits_with(1);
    assert_eq!(ran.out, "3 rows read from bad.csv: 1 imported, 0 there before, 2 rejected; the log holds 1\n");
    let rejects = rejects(&shell);
    assert_eq!(rejects[&1]["reason"], "it has 2 cells, and the first line names 3");
    assert_eq!(rejects[&1]["text"], "a.b,2024-01-01T00:00:00Z");
    assert_eq!(rejects[&2]["reason"], "actor_id is not UTF-8");
}

#[tokio::test]
async fn hostile_rows_of_a_table_are_put_aside_too() {
    let database = postgres::server().database().await;
    database.execute(SEED).await;
    database
        .execute(
            "INSERT INTO control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id, metadata, ip_address, created_at)
             VALUES ('u', 'user', 'a.b', 't', '1', '[1]', '::ffff:10.0.0.1', '1971-06-01'),
                    ('u', 'user', 'a.b', 't', '2', '{\"big\": 123456789012345678901234567890}', '10.0.0.0/8', '2020-01-01'),
                    ('u', 'user', 'a.b', 't', '3', '{}', NULL, 'infinity'),
                    ('u', 'user', 'a.b', 't', '4', '{}', NULL, '-infinity'),
                    ('u', 'user', 'a.b', 't', '5', '{}', NULL, '0044-03-15 BC'),
                    ('u', 'user', 'a.b', 't', '6', '{}', NULL, now() + interval '20 days'),
                    ('u', 'nobody', 'a.b', 't', '7', '{}', NULL, now()),
                    (repeat('u', 2000), 'user', 'a.b', 't', '8', jsonb_build_object('huge', repeat('x', 1000000)), NULL, now())",
        )
        .await;
    let shell = Shell::new().with("DATABASE_URL", database.url());
    shell.run(&["migrate"]).success();
    let ran = shell.run(&["import", "--format=json"]).exits_with(1);
    assert_eq!(counts(&document(&ran)), [8, 2, 1, 0, 6, 2]);
    let kept = "SELECT string_agg(target_id, ' ' ORDER BY target_id) FROM control_plane.audit_logs";
    assert_eq!(database.value::<String>(kept).await, "1 8");
    let targets = |imported: bool| -> Vec<String> {
        let mut targets: Vec<_> = rejects(&shell)
            .into_values()
            .filter(|line| line["imported"] == imported)
            .map(|line| line["row"]["target_id"].as_str().unwrap().to_owned())
            .collect();
        targets.sort();
        targets
    };
    assert_eq!(
        (targets(false), targets(true)),
        (["2", "3", "4", "5", "6", "7"].map(str::to_owned).to_vec(), vec!["8".to_owned()])
    );
    shell.run(&["verify"]).success();
}

#[tokio::test]
async fn an_import_that_is_killed_goes_on_and_doubles_nothing() {
    const ROWS: u32 = 40_000;
    let database = postgres::server().database().await;
    database.execute(SEED).await;
    fill(&database, ROWS.into(), YEARS).await;
    let shell = Shell::new().with("DATABASE_URL", database.url());
    shell.run(&["migrate"]).success();

    let mut kills = 0;
    for batches in [1, 4] {
        let mut import = shell.command(&["import"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        while database.value::<i64>("SELECT count(*) FROM control_plane.audit_batches").await < batches {
            assert!(Instant::now() < deadline, "nothing is imported");
        }
        import.kill().unwrap();
        kills += i32::from(import.wait().unwrap().signal() == Some(9));
        let rows: i64 = database.value("SELECT count(*) FROM control_plane.audit_logs").await;
        assert!(0 < rows && rows < i64::from(ROWS), "{rows} rows were imported before the kill");
    }
    assert_eq!(kills, 2);
    let before: i64 = database.value("SELECT count(*) FROM control_plane.audit_logs").await;
    let ran = shell.run(&["import", "--format=json"]).success();
    let [read, imported, _, present, rejected, in_log] = counts(&document(&ran));
    assert_eq!([read, imported + present, rejected, in_log], [ROWS.into(), ROWS.into(), 0, ROWS.into()]);
    assert!(present >= before.unsigned_abs() && imported > 0, "{present} were there, of {before}");
    assert_eq!(differing(&database, "").await, 0);
    assert_eq!(database.value::<i64>("SELECT count(DISTINCT stream_id) FROM control_plane.audit_batches").await, 1);
    shell.run(&["verify"]).success();
}

#[tokio::test]
async fn of_two_imports_of_one_source_one_stops() {
    let database = postgres::server().database().await;
    let shell = Shell::new().with("DATABASE_URL", database.url());
    shell.run(&["migrate"]).success();
    let file = Shell::with_log();
    let file_url = format!("sqlite:{}", file.folder().join("audit.db").display());
    for url in [database.url(), file_url] {
        let schema = Schema::default();
        let start = || async { Import::into_log(&url, &schema, "old").start().await.unwrap() };
        let records = [Record::at(1).with(Field::Action, "a.b").with(Field::CreatedAt, "2024-01-01T00:00:00Z")];
        let (mut first, mut second) = (start().await, start().await);
        assert_eq!(first.take(&records).await.unwrap(), [Fate::Imported]);
        // The second looked at the stream before: it finds the row, and cannot add one.
        assert_eq!(second.take(&records).await.unwrap(), [Fate::Present]);
        let more = [Record::at(2).with(Field::Action, "a.b").with(Field::CreatedAt, "2024-01-01T00:00:00Z")];
        assert!(matches!(second.take(&more).await, Err(ImportError::AnotherImport { .. })));
        assert_eq!(first.finish().await.unwrap(), 1);
        let mut elsewhere = Import::into_log(&url, &schema, "other").start().await.unwrap();
        let id = "6f1c3a52-0d6f-4d0e-9a44-7d1f0a8e4c11";
        let own = [records[0].clone().with(Field::Id, id)];
        assert_eq!(elsewhere.take(&own).await.unwrap(), [Fate::Imported]);
        assert_eq!(start().await.take(&own).await.unwrap(), [Fate::Rejected(Rejection::Elsewhere)]);
    }
}

#[test]
fn what_is_imported_is_signed_and_cannot_be_changed_unseen() {
    let shell = Shell::with_log();
    let key = shell.run(&["keys", "generate", "importer", "--out=writer.key"]).success().out;
    std::fs::write(shell.folder().join("trusted"), format!("writer {key}")).unwrap();
    std::fs::write(shell.folder().join("old.csv"), "action,created_at\na.b,2020-01-01T00:00:00Z\n").unwrap();
    shell.run(&["import", "--csv=old.csv", "--key-file=writer.key"]).success();
    shell.run(&["verify", "--keys=trusted"]).success();
    assert_eq!(shell.entries(&["a.b"]).len(), 1);
    shell.execute("DROP TRIGGER audit_logs_no_update; UPDATE audit_logs SET created_at = created_at - 1");
    shell.run(&["verify", "--keys=trusted"]).exits_with(1);
}

#[tokio::test]
async fn importing_takes_three_roles_and_no_more() {
    let database = postgres::server().database().await;
    database.execute(SEED).await;
    fill(&database, 20, YEARS).await;
    let shell = Shell::new().with("DATABASE_URL", database.url());
    shell.run(&["migrate", "--role-prefix=moving"]).success();
    let import = |url: String| Shell::new().with("DATABASE_URL", url).run(&["import"]);
    let grant = "GRANT SELECT ON control_plane.audit_logs_legacy TO moving_reader";
    database.execute(grant).await;
    let without = database.user("moving_in", "IN ROLE moving_writer, moving_reader").await;
    import(without).exits_with(1).complains("cannot make a partition for imported rows");
    let with = database.user("moving_all", "IN ROLE moving_writer, moving_reader, moving_admin").await;
    import(with).success();
    assert_eq!(differing(&database, "").await, 0);
}
