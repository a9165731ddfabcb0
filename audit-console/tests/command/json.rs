//! What `--format json` prints, of every command, from both stores: one document, of the shape that its help names.

use serde_json::{Value, json};
use tests::postgres::server;

use crate::support::{Ran, Shell};

/// The one document that a command printed.
#[track_caller]
fn document(ran: Ran) -> Value {
    let ran = ran.success();
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
}

/// The names of an object's members.
#[track_caller]
fn names(document: &Value) -> Vec<&str> {
    let mut names: Vec<_> = document.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// A shell for each store, without a log yet.
async fn shells() -> [Shell; 2] {
    let url = server().database().await.url();
    [Shell::new().with("DATABASE_URL", "sqlite:audit.db"), Shell::new().with("DATABASE_URL", url)]
}

const ENTRY: [&str; 4] = ["record", "--actor=user:u", "--action=project.created", "--target=project:p"];

#[tokio::test]
async fn what_changes_something_says_what_it_changed() {
    for shell in shells().await {
        let run = |arguments: &[&str]| document(shell.run(&[arguments, &["--format=json"]].concat()));
        let pending = run(&["migrate", "--dry-run"]);
        assert_eq!((names(&pending[0]), &pending[0]["version"]), (vec!["description", "sql", "version"], &json!(1)));
        let migrated = run(&["migrate"]);
        assert_eq!(migrated["applied"].as_array().unwrap().len(), pending.as_array().unwrap().len());
        assert_eq!(run(&["migrate"]), json!({ "applied": [], "notes": [], "indexed": [] }));

        let recorded = run(&ENTRY);
        assert_eq!((names(&recorded), &recorded["id"]), (vec!["id"], &shell.entries(&[])[0]["id"]));

        let made = run(&["keys", "generate", "audit.example.org", "--out=log.key"]);
        assert_eq!((names(&made), &made["name"]), (vec!["key", "name"], &json!("audit.example.org")));
        assert_eq!(run(&["keys", "show", "log.key"]), made);
        assert_eq!(made["key"], shell.run(&["keys", "show", "log.key"]).success().out.trim());

        let sealed = run(&["seal", "--once"]);
        assert_eq!((names(&sealed), &sealed["covered_batches"]), (vec!["covered_batches", "sealed"], &Value::Null));
        let covered = run(&["seal", "--once", "--key-file=log.key"]);
        assert!(covered["covered_batches"].as_u64() >= sealed["sealed"].as_u64(), "{covered} {sealed}");

        let added = run(&["hold", "add", "--actor=u", "--reason=case"]);
        assert_eq!(added["added"], run(&["hold", "list"])[0]["id"]);
        let released = run(&["hold", "remove", added["added"].as_str().unwrap(), "--reason=over"]);
        assert_eq!(released, json!({ "released": added["added"] }));

        let erased = run(&["redact", "--actor=user:u", "--fields=ip_address,actor_id", "--reason=request"]);
        assert_eq!(erased, json!({ "erased": 1, "untouched": 0, "to_vacuum": [] }));

        assert_eq!(run(&["retention", "apply", "--keep=400d", "--key-file=log.key"]), json!([]));
        assert_eq!(run(&["dead-letters", "retry", "--all"]), json!({ "stored": [], "gone": [], "refused": [] }));
        std::fs::create_dir(shell.folder().join("journal")).unwrap();
        let replayed = run(&["journal", "replay", "--dir=journal"]);
        assert_eq!(names(&replayed), ["adopted", "damaged", "dead_lettered", "left", "stored"]);
    }
}

#[tokio::test]
async fn the_interval_of_partitions_and_the_indexes_that_were_built_are_told() {
    let [_, shell] = shells().await;
    let migrated = document(shell.run(&["migrate", "--with=metadata-index", "--format=json"]));
    assert_eq!(names(&migrated["indexed"][0]), ["index", "partitions"]);
    assert_eq!(migrated["indexed"][0]["index"], "metadata-index");
    assert!(migrated["indexed"][0]["partitions"].as_u64() > Some(0), "{migrated}");
    let set = document(shell.run(&["retention", "interval", "day", "--keep=30d", "--format=json"]));
    assert_eq!(set, json!({ "interval": "day" }));
    let set = document(shell.run(&["retention", "interval", "auto", "--keep=30d", "--format=json"]));
    assert_eq!(set, json!({ "interval": "auto" }));
    let told = shell.run(&["retention", "interval", "auto", "--keep=400d"]).success();
    assert_eq!(told.out, "partitions to come hold as much time as the rate allows\n");
}

#[tokio::test]
async fn what_reads_prints_lists_of_what_it_lists_and_objects_otherwise() {
    for shell in shells().await {
        shell.run(&["migrate"]).success();
        let id = document(shell.run(&[&ENTRY[..], &["--request-id=r", "--format=json"]].concat()))["id"].clone();
        let id = id.as_str().unwrap();
        shell.run(&["keys", "generate", "audit.example.org", "--out=log.key"]).success();
        shell.run(&["seal", "--once", "--key-file=log.key"]).success();
        std::fs::create_dir(shell.folder().join("journal")).unwrap();
        let run = |arguments: &[&str]| document(shell.run(&[arguments, &["--format=json"]].concat()));
        for list in [
            &["migrate", "status"][..],
            &["doctor"],
            &["hold", "list"],
            &["dead-letters"],
            &["retention", "status", "--keep=400d"],
            &["catalog"],
        ] {
            assert!(run(list).is_array(), "{list:?}");
        }
        let query = run(&["query", "--total=exact"]);
        assert_eq!((&query["entries"][0]["id"], &query["total"]["count"]), (&json!(id), &json!(1)), "{query}");
        let show = run(&["show", id]);
        assert_eq!((&show["entry"]["id"], &show["request"][0]["id"]), (&json!(id), &json!(id)));
        let stats = run(&["stats"]);
        assert_eq!((&stats["total"], stats["action"].is_null()), (&json!(1), false), "{stats}");
        assert_eq!(run(&["verify"])["intact"], true);
        assert_eq!(run(&["tail", "-n", "1"])["id"], id);
        assert!(run(&["journal", "status", "--dir=journal"])["writers"].is_array());
        let proof = run(&["proof", id]);
        std::fs::write(shell.folder().join("proof.json"), proof.to_string()).unwrap();
        let trusted = format!("log {}", shell.run(&["keys", "show", "log.key"]).success().out);
        std::fs::write(shell.folder().join("trusted"), trusted).unwrap();
        assert_eq!(run(&["verify", "--proof=proof.json", "--keys=trusted"])["intact"], true);
    }
}

#[test]
fn dead_letters_that_are_sent_again_are_told_one_by_one() {
    let shell = Shell::with_log();
    shell.execute(
        "CREATE TRIGGER fussy BEFORE INSERT ON audit_logs WHEN NEW.target_id = 'bad' BEGIN SELECT RAISE(ABORT, 'fussy'); END",
    );
    shell.run(&["record", "--actor=user:u", "--action=project.deleted", "--target=project:bad"]);
    let id = document(shell.run(&["dead-letters", "--format=json"]))[0]["id"].clone();
    let retry = ["dead-letters", "retry", id.as_str().unwrap(), "--format=json"];
    let told = |ran: Ran, code| serde_json::from_str::<Value>(&ran.exits_with(code).out).unwrap();
    assert_eq!(told(shell.run(&retry), 1), json!({ "stored": [], "gone": [], "refused": [id] }));
    shell.execute("DROP TRIGGER fussy");
    assert_eq!(told(shell.run(&retry), 0), json!({ "stored": [id], "gone": [], "refused": [] }));
    assert_eq!(told(shell.run(&retry), 1), json!({ "stored": [], "gone": [id], "refused": [] }));
}
