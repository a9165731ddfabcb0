//! Every command that reads, on one log in both stores: it says the same. In PostgreSQL the reader's role suffices.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use audit_core::batch::{Batch, Freezer};
use audit_core::seal::Sealer;
use audit_core::signing::SigningKey;
use audit_core::store::{self, Schema};
use audit_core::{ActionName, Actor, Context, Entry, Outcome, Target};
use serde_json::{Value, json};
use tests::postgres::{Database, server};

use crate::support::Shell;

/// A log in both stores.
struct Logs {
    /// Whoever reads it.
    shells: [Shell; 2],
    /// Whoever may do everything.
    owners: [String; 2],
    _database: Database<'static>,
}

impl Logs {
    async fn of(batch: &Batch) -> Self {
        let database = server().database().await;
        store::open(&database.url(), &Schema::default()).unwrap().migrate().await.unwrap();
        let (sqlite, postgres) = (Shell::with_log(), Shell::new());
        let file = format!("sqlite:{}", sqlite.folder().join("audit.db").display());
        let owners = [file, database.url()];
        let postgres = postgres.with("DATABASE_URL", database.url_as("audit_reader").await);
        let logs = Self { shells: [sqlite, postgres], owners, _database: database };
        logs.land(batch).await;
        logs
    }

    async fn land(&self, batch: &Batch) {
        for url in &self.owners {
            let mut connection = store::open(url, &Schema::default()).unwrap().connect().await.unwrap();
            connection.prepare(chrono::Utc::now()).await.unwrap();
            connection.land(batch).await.unwrap();
            connection.close().await;
        }
    }

    async fn seal(&self) {
        for url in &self.owners {
            let key = SigningKey::generate("audit.example.org").unwrap();
            Sealer::new(url, &Schema::default()).unwrap().signer(key).once().await.unwrap();
        }
    }
}

/// Entries with something of everything, some of it hostile.
fn batch() -> Batch {
    let start = SystemTime::now() - Duration::from_secs(100);
    let entry = |number: u64, action: &str, target: &str| {
        let context = Context::new()
            .with_request_id(format!("req_{}", number / 3))
            .with_tenant_id("acme")
            .with_user_agent("x, \"y\"\u{202e}\n=1")
            .with_ip_address([10, 0, 0, 1]);
        Entry::builder(ActionName::unlisted(action).unwrap())
            .actor(Actor::user(format!("user_{}", number % 2)))
            .target(Target::project(target))
            .metadata("changes", &json!({ "name": { "from": "Mine", "to": format!("<{number}>") } }))
            .context(context)
            .created_at(start + Duration::from_secs(number))
    };
    let mut entries: Vec<_> =
        (0..7).map(|number| entry(number, "project.created", &format!("=p{number}")).build()).collect();
    entries.push(entry(8, "project.deleted", "é").outcome(Outcome::Denied).failure("it is\u{1b}[31m locked").build());
    Freezer::new().freeze(entries, SystemTime::now())
}

/// What a command prints, without when the stores took the rows.
fn told(shell: &Shell, arguments: &[&str]) -> (String, String) {
    let recorded = shell.entries(&["--limit=1"])[0]["recorded_at"].as_str().unwrap().to_owned();
    let recorded: chrono::DateTime<chrono::Utc> = recorded.parse().unwrap();
    let ran = shell.run(arguments).success();
    let formats = ["%Y-%m-%dT%H:%M:%S%.fZ", "%Y-%m-%dT%H:%M:%S%.6fZ", "%Y-%m-%d %H:%M:%S%.6f"];
    let times = formats.map(|format| recorded.format(format).to_string());
    let times = times.into_iter().chain([recorded.timestamp_millis().to_string()]);
    let out = times.fold(ran.out, |out, time| out.replace(&time, "RECORDED"));
    (out, ran.err)
}

#[tokio::test]
async fn both_stores_are_told_alike_by_every_command_that_reads() {
    let batch = batch();
    let logs = Logs::of(&batch).await;
    let id = batch.rows()[4].row.id.to_string();
    let queries: [&[&str]; 10] = [
        &[],
        &["--order=oldest-first"],
        &["actor:user_1 -outcome:denied"],
        &["outcome:denied"],
        &["\"it is\""],
        &["ip:10.0.0.0/8", "--limit=3"],
        &["metadata.changes.name.to:<2>"],
        &["request:req_1", "--total=exact"],
        &["target:project/é"],
        &["created:<1h"],
    ];
    let mut commands: Vec<Vec<&str>> = Vec::new();
    for query in queries {
        for format in ["--format=table", "--format=json", "--format=jsonl"] {
            commands.push([&["query", format], query].concat());
        }
    }
    for format in ["--format=csv", "--format=jsonl", "--format=ocsf"] {
        commands.push(vec!["export", format]);
        commands.push(vec!["export", format, "actor:user_0"]);
    }
    for format in ["--format=text", "--format=json"] {
        commands.push(vec!["show", &id, format]);
        commands.push(vec!["stats", format]);
        commands.push(vec!["stats", "action:project.created", "--most=1", format]);
    }
    commands.push(vec!["tail", "-n", "3"]);
    commands.push(vec!["tail", "-n", "3", "--format=jsonl", "actor:user_1"]);
    for arguments in commands {
        let [sqlite, postgres] = logs.shells.each_ref().map(|shell| told(shell, &arguments));
        assert!(!sqlite.0.is_empty() || !sqlite.1.is_empty(), "{arguments:?}");
        assert!(!sqlite.0.contains(['\u{202e}', '\u{1b}']), "{arguments:?}: {}", sqlite.0);
        assert_eq!(postgres, sqlite, "{arguments:?}");
    }
}

#[tokio::test]
async fn compressed_exports_of_both_stores_hold_the_same() {
    let logs = Logs::of(&batch()).await;
    for (compress, program) in [("gzip", "gzip"), ("zstd", "zstd")] {
        for shell in &logs.shells {
            let plain = shell.run(&["export", "--format=csv"]).success().out;
            let file = format!("--output=out.{compress}");
            shell.run(&["export", "--format=csv", "--compress", compress, &file]).success().complains("8 entries");
            let packed = std::fs::File::open(shell.folder().join(format!("out.{compress}"))).unwrap();
            let unpacked = match Command::new(program).arg("-dc").stdin(packed).output() {
                Ok(output) => String::from_utf8(output.stdout).unwrap(),
                Err(error) => panic!("{program}: {error}"),
            };
            assert_eq!(unpacked, plain);
        }
    }
}

#[tokio::test]
async fn whoever_follows_either_store_sees_what_is_sealed() {
    let logs = Logs::of(&batch()).await;
    logs.seal().await;
    let later = Freezer::new().freeze(
        vec![Entry::builder(ActionName::unlisted("door.opened").unwrap()).target(Target::project("later")).build()],
        SystemTime::now(),
    );
    for (shell, owner) in logs.shells.iter().zip(&logs.owners) {
        let mut command = shell.command(&["tail", "-f", "-n", "1", "--format=jsonl"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut target = || {
            let row: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            row["target_id"].as_str().unwrap().to_owned()
        };
        assert_eq!(target(), "é");
        let mut connection = store::open(owner, &Schema::default()).unwrap().connect().await.unwrap();
        connection.land(&later).await.unwrap();
        connection.close().await;
        Sealer::new(owner, &Schema::default()).unwrap().once().await.unwrap();
        assert_eq!(target(), "later");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
