//! `audit export`: entries for other programs.

use std::fs;
use std::io::{Read, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Shell;

fn record(shell: &Shell, arguments: &[&str]) {
    let action = ["record", "--actor=user:ann", "--target=project:p"];
    shell.run(&[&action, arguments].concat()).success();
}

/// Entries a second apart, more than two marks lie among.
const MANY: usize = 45_000;

fn many(shell: &Shell) {
    shell.execute(
        "INSERT INTO audit_logs (id, actor_id, actor_type, action, target_type, metadata, created_at, outcome, stream_id, seq)
         WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n LIMIT 45000)
         SELECT randomblob(16), 'ann', 'user', 'door.opened', 'door', '{\"n\":' || i || '}', 1700000000000000 + i * 1000000,
                'success', zeroblob(16), i FROM n",
    );
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn json_lines_hold_what_a_query_shows_oldest_first() {
    let shell = Shell::with_log();
    record(&shell, &["--action=project.created", "--metadata", r#"{"a":[1,{"b":null}]}"#, "--error", "x\n\u{202e}"]);
    record(&shell, &["--action=project.deleted"]);
    let mut entries = shell.entries(&[]);
    entries.reverse();
    let ran = shell.run(&["export"]).success().complains("2 entries exported");
    assert_eq!(lines(&ran.out), entries);
    assert!(!ran.out.contains('\u{202e}'));
    for line in ran.out.lines() {
        let row: audit_core::Row = serde_json::from_str(line).unwrap();
        assert_eq!(json!(row), serde_json::from_str::<Value>(line).unwrap(), "what is read back is what was written");
    }
    let some = shell.run(&["export", "action:project.deleted"]).success().complains("1 entry exported");
    assert_eq!(lines(&some.out), entries[1..]);
}

#[test]
fn csv_is_read_by_a_reader_of_another_maker() {
    let shell = Shell::with_log();
    let formula = "=HYPERLINK(\"http://x\",\"y\")";
    record(&shell, &["--action=project.created", "--error", formula, "--tenant=+1", "--user-agent=@x, \"y\"\n=1"]);
    let out = shell.run(&["export", "--format=csv"]).success().out;
    let (header, line) = out.split_once("\r\n").unwrap();
    assert!(header.starts_with("id,created_at,actor_type,actor_id,action,"), "{header}");
    let script = "import csv, json, sys; print(json.dumps(list(csv.DictReader(sys.stdin))))";
    let file = shell.folder().join("out.csv");
    fs::write(&file, &out).unwrap();
    let read = Command::new("python3").args(["-c", script]).stdin(fs::File::open(&file).unwrap()).output();
    let read: Value = serde_json::from_slice(&read.unwrap().stdout).unwrap();
    assert_eq!(read[0]["error"], format!("'{formula}"));
    assert_eq!(read[0]["tenant_id"], "'+1");
    assert_eq!(read[0]["user_agent"], "'@x, \"y\"\\n=1");
    assert_eq!(read[0]["action"], "project.created");
    assert!(line.ends_with("\r\n") && read.as_array().unwrap().len() == 1, "{line}");
}

#[test]
fn a_spreadsheet_computes_nothing_of_csv() {
    const HOSTILE: [&str; 11] = [
        "=1+1",
        "=cmd|' /C calc'!A0",
        "=HYPERLINK(\"http://x\",\"y\")",
        "+1+1",
        "-2+3",
        "@SUM(1+1)",
        " =1+1",
        "\t=1+1",
        "\r=1+1",
        "\"=1+1\"",
        "x\",=1+1,\"",
    ];
    let shell = Shell::with_log();
    for text in HOSTILE {
        let places = ["--error", "--tenant", "--user-agent", "--request-id"].map(|name| format!("{name}={text}"));
        record(&shell, &[&["--action=project.created"][..], &places.each_ref().map(String::as_str)].concat());
    }
    shell.run(&["export", "--format=csv", "--output=out.csv"]).success();
    let opened = Command::new("ssconvert")
        .args(["--export-type=Gnumeric_XmlIO:sax:0", "out.csv", "out.xml"])
        .current_dir(shell.folder())
        .output()
        .expect("Gnumeric is installed: tests/run does that");
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    let sheet = fs::read_to_string(shell.folder().join("out.xml")).unwrap();
    let cells: Vec<_> = sheet.lines().filter(|line| line.contains("<gnm:Cell ")).collect();
    // A cell that is computed has an expression in the place of a value.
    let computed: Vec<_> = cells.iter().filter(|cell| !cell.contains(" ValueType=")).collect();
    assert!(computed.is_empty(), "{computed:#?}");
    let holding = |text: &str| cells.iter().filter(|cell| cell.contains(&format!(">{text}<"))).count();
    assert_eq!((holding("=1+1"), holding("-2+3"), holding("@SUM(1+1)")), (4, 4, 4), "{sheet}");
}

/// Of OCSF 1.3.0 what an event of the class Entity Management requires (`includes/classification.json`,
/// `includes/occurrence.json`, `events/base_event.json`, `events/iam/entity_management.json`), and of the objects in it
/// (`objects/metadata.json`, `product.json`, `managed_entity.json`, `user.json`, `actor.json`, `network_endpoint.json`).
#[test]
fn ocsf_events_have_what_their_class_requires() {
    let shell = Shell::with_log();
    record(&shell, &["--action=project.created", "--ip=10.0.0.1", "--request-id=req_9", "--tenant=acme"]);
    record(&shell, &["--action=door.opened", "--allow-unlisted", "--outcome=denied", "--error=no"]);
    // A creation that failed has no target.
    shell.execute(
        "INSERT INTO audit_logs (id, actor_type, action, target_type, metadata, created_at, outcome, stream_id, seq)
         VALUES (randomblob(16), 'api_key', 'key.made', 'api_key', '{}', 1700000000123456, 'attempted', zeroblob(16), 9)",
    );
    let events = lines(&shell.run(&["export", "--format=ocsf"]).success().out);
    assert_eq!(events.len(), 3);
    for event in &events {
        for required in ["category_uid", "class_uid", "activity_id", "type_uid", "severity_id", "time"] {
            assert!(event[required].is_u64(), "{required}: {event}");
        }
        assert_eq!((&event["category_uid"], &event["class_uid"]), (&json!(3), &json!(3004)));
        let activity = event["activity_id"].as_u64().unwrap();
        assert!(activity <= 13 || activity == 99);
        assert_eq!(event["type_uid"], 300_400 + activity);
        assert!(matches!(event["severity_id"].as_u64(), Some(0..=6 | 99)));
        assert!(matches!(event["status_id"].as_u64(), Some(0..=2 | 99)));
        assert_eq!(event["metadata"]["version"], "1.3.0");
        assert!(event["metadata"]["product"]["vendor_name"].is_string());
        let one_of = |object: &Value, names: &[&str]| names.iter().any(|name| object[name].is_string());
        assert!(one_of(&event["entity"], &["name", "uid"]), "{event}");
        assert!(one_of(&event["actor"]["user"], &["account", "name", "uid"]), "{event}");
        assert!(event.get("src_endpoint").is_none_or(|endpoint| one_of(endpoint, &["ip"])), "{event}");
    }
    assert_eq!(events[0]["time"], 1_700_000_000_123_u64);
    let created = &events[1];
    assert_eq!((&created["activity_name"], &created["type_uid"]), (&json!("Create"), &json!(300_401)));
    assert_eq!(created["src_endpoint"]["ip"], "10.0.0.1");
    assert_eq!(created["metadata"]["correlation_uid"], "req_9");
    assert_eq!((&events[2]["activity_id"], &events[2]["status_id"]), (&json!(99), &json!(2)));
}

#[test]
fn what_is_compressed_is_read_by_the_usual_programs() {
    let shell = Shell::with_log();
    record(&shell, &["--action=project.created"]);
    let plain = shell.run(&["export"]).success().out;
    shell.run(&["export", "--compress=gzip", "--output=a.gz"]).success();
    shell.run(&["export", "--compress=zstd", "--output=a.zst"]).success();
    let read = |name: &str| fs::read(shell.folder().join(name)).unwrap();
    let mut unzipped = String::new();
    flate2::read::MultiGzDecoder::new(&read("a.gz")[..]).read_to_string(&mut unzipped).unwrap();
    assert_eq!(unzipped, plain);
    assert_eq!(zstd::decode_all(&read("a.zst")[..]).unwrap(), plain.as_bytes());
    let standard = shell.command(&["export", "--compress=zstd"]).output().unwrap().stdout;
    assert_eq!(zstd::decode_all(&standard[..]).unwrap(), plain.as_bytes());
}

#[test]
fn an_export_that_was_killed_goes_on_where_it_was() {
    let shell = Shell::with_log();
    many(&shell);
    let whole = shell.run(&["export"]).success().out;
    assert_eq!(whole.lines().count(), MANY);
    for (compress, name) in [("none", "a.jsonl"), ("zstd", "a.zst")] {
        let arguments = ["export", "--output", name, "--compress", compress];
        let progress = shell.folder().join(format!("{name}.resume"));
        let mut child = shell.command(&arguments).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        while !fs::read_to_string(&progress).is_ok_and(|text| text.contains("\"entries\": 20000")) {
            assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "it ended before it was killed");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What came after the mark ends anywhere.
        let file = shell.folder().join(name);
        fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"half\":").unwrap();

        shell.run(&arguments).exits_with(2).complains("is there already");
        let other = ["export", "--resume", "--output", name, "--compress", compress, "actor:bob"];
        shell.run(&other).exits_with(2).complains("asked something else");
        let resumed = [&arguments[..], &["--resume"]].concat();
        shell.run(&resumed).success().complains(&format!("{MANY} entries exported"));
        assert!(!progress.exists());
        shell.run(&resumed).success().complains("it is complete");

        let file = fs::read(file).unwrap();
        let text = if compress == "zstd" { zstd::decode_all(&file[..]).unwrap() } else { file };
        assert!(text == whole.as_bytes(), "{compress}: {} bytes instead of {}", text.len(), whole.len());
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_an_export() {
    let shell = Shell::with_log();
    many(&shell);
    let mut child = shell.command(&["export"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 10]).unwrap();
    drop(out);
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

/// Of a bar that is drawn what tells of it.
#[cfg(target_os = "linux")]
const BAR: &str = " entries, 0s left";

#[test]
#[cfg(target_os = "linux")]
fn a_bar_shows_on_a_terminal_how_far_an_export_came() {
    let shell = Shell::with_log();
    record(&shell, &["--action=project.created"]);
    let shown = shell.run_in_terminal("export --output a.jsonl");
    assert!(shown.contains(&format!("0 of about 1{BAR}")) && shown.contains("1 entry exported"), "{shown}");
    // It goes when the export is done.
    assert!(shown.rsplit_once(BAR).unwrap().1.trim_start().starts_with("\u{1b}[2K"), "{shown:?}");
    let elsewhere = shell.run_in_terminal("export 2>err");
    assert!(!elsewhere.contains(BAR) && elsewhere.contains("project.created"), "{elsewhere}");
}

#[test]
#[cfg(target_os = "linux")]
fn no_bar_is_drawn_among_entries_or_where_nobody_looks() {
    let shell = Shell::with_log();
    record(&shell, &["--action=project.created"]);
    let shown = shell.run_in_terminal("export");
    assert!(shown.contains("project.created") && !shown.contains(BAR), "{shown}");
    let ran = shell.run(&["export", "--output=a.jsonl"]).success();
    assert_eq!(ran.err, "1 entry exported to a.jsonl\n");
}

#[cfg(feature = "parquet")]
mod columns {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;
    use uuid::Uuid;

    use super::*;

    /// A file, each row as an object, and its number of groups.
    fn read(shell: &Shell, name: &str) -> (Vec<Value>, usize) {
        let reader = SerializedFileReader::new(fs::File::open(shell.folder().join(name)).unwrap()).unwrap();
        let rows = reader.get_row_iter(None).unwrap().map(|row| {
            let row = row.unwrap();
            row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
        });
        (rows.collect(), reader.num_row_groups())
    }

    fn value(field: &Field) -> Value {
        match field {
            Field::Null => Value::Null,
            Field::Str(text) => json!(text),
            Field::Long(number) => json!(number),
            Field::TimestampMicros(micros) => json!(micros),
            Field::Bytes(id) => json!(Uuid::from_slice(id.data()).unwrap()),
            other => panic!("no such column: {other}"),
        }
    }

    /// What JSON Lines say, in the types of the columns.
    fn as_columns(line: &Value) -> Value {
        let mut line = line.clone();
        for time in ["created_at", "recorded_at"] {
            let at: chrono::DateTime<chrono::Utc> = line[time].as_str().unwrap().parse().unwrap();
            line[time] = json!(at.timestamp_micros());
        }
        line["metadata"] = json!(line["metadata"].to_string());
        line["redacted"] = line.get("redacted").map_or(Value::Null, |redacted| json!(redacted.to_string()));
        line
    }

    #[test]
    fn parquet_holds_what_json_lines_hold() {
        let shell = Shell::with_log();
        let all = [
            "--request-id=r",
            "--tenant=ü",
            "--ip=2001:db8::1",
            "--user-agent=x\ny",
            "--error",
            "e",
            "--metadata={\"a\":[1]}",
        ];
        record(&shell, &[&["--action=project.created"][..], &all].concat());
        many(&shell);
        many(&shell);
        let plain = lines(&shell.run(&["export"]).success().out);
        shell.run(&["export", "--format=parquet", "--output=a.parquet"]).success().complains("90001 entries exported");
        let (rows, groups) = read(&shell, "a.parquet");
        assert_eq!((rows.len(), groups), (plain.len(), 2));
        for (row, line) in rows.iter().zip(&plain) {
            assert_eq!(*row, as_columns(line));
        }
        // To standard output the same bytes, and nothing besides.
        let out = shell.command(&["export", "--format=parquet"]).output().unwrap().stdout;
        assert!(out == fs::read(shell.folder().join("a.parquet")).unwrap());
    }

    #[tokio::test]
    async fn parquet_of_postgresql_holds_what_json_lines_hold() {
        let shell = Shell::new().with("DATABASE_URL", tests::postgres::server().database().await.url());
        shell.run(&["migrate"]).success();
        record(&shell, &["--action=project.created", "--ip=10.0.0.1", "--metadata={\"a\":[1]}"]);
        record(&shell, &["--action=project.deleted", "--error=e"]);
        let plain = lines(&shell.run(&["export"]).success().out);
        shell.run(&["export", "--format=parquet", "--output=a.parquet"]).success();
        let columns: Vec<_> = plain.iter().map(as_columns).collect();
        assert_eq!(read(&shell, "a.parquet").0, columns);
    }

    #[test]
    fn parquet_takes_nothing_that_it_cannot_keep() {
        let shell = Shell::with_log();
        shell.run(&["export", "--format=parquet", "--output=a"]).success().complains("0 entries exported");
        assert_eq!(read(&shell, "a"), (Vec::new(), 0));
        shell.run(&["export", "--format=parquet", "--output=a"]).exits_with(2).complains("is there already");
        shell.run(&["export", "--format=parquet", "--output=a", "--resume"]).exits_with(2).complains("--after");
        shell.run(&["export", "--format=parquet", "--compress=zstd"]).exits_with(2).complains("leave out --compress");
    }
}
