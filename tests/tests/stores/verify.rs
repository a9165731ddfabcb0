//! What a look at the whole log finds, and what it is silent about.

use std::time::SystemTime;

use audit_core::batch::{Batch, Freezer};
use audit_core::store::{self, Schema};
use audit_core::verify::{Break, Report, verify};
use audit_core::{ActionName, Actor, Context, Entry, Target};
use tests::postgres::server;

use crate::log::{Log, for_both_stores};

for_both_stores! {
    an_untouched_log_is_intact
    an_edit_of_any_column_of_a_row_is_found
    an_edit_of_any_column_of_a_header_is_found
    a_row_that_was_removed_or_inserted_or_swapped_is_found
    a_batch_that_was_removed_or_inserted_or_numbered_again_is_found
    dead_letters_are_rows_like_others
    what_no_writer_can_have_written_is_found_and_the_rest_is_still_looked_at
    the_whole_log_is_read_page_by_page
}

/// Entries that have a value in every column, and different ones.
fn entries(count: u32) -> Vec<Entry> {
    (0..count)
        .map(|n| {
            let context = Context::new()
                .with_actor(Actor::user(format!("user_{n}")))
                .with_ip_address([192, 168, 1, (n % 250) as u8])
                .with_user_agent("Mozilla/5.0")
                .with_request_id(format!("req_{n}"))
                .with_tenant_id("acme")
                .with_on_behalf_of("user_0");
            Entry::builder(ActionName::unlisted("door.opened").unwrap())
                .target(Target::project(format!("proj_{n}")))
                .failure("it is locked")
                .metadata("try", &n)
                .metadata("note", "é")
                .context(context)
                .build()
        })
        .collect()
}

/// Three streams, the first of three batches.
async fn with_entries(log: &Log) -> Vec<Batch> {
    let mut freezer = Freezer::new();
    let mut batches: Vec<_> = [3, 4, 2].map(|count| freezer.freeze(entries(count), SystemTime::now())).into();
    batches.push(Freezer::new().freeze(entries(1), SystemTime::now()));
    batches.push(Freezer::new().freeze(entries(5), SystemTime::now()));
    for batch in &batches {
        log.land(batch).await;
    }
    batches
}

async fn look(log: &Log) -> Report {
    verify(&log.url, &Schema::default(), |_| ()).await.unwrap()
}

/// Keeps copies of the tables, to which each attack is undone.
async fn keep(log: &Log) {
    let keep =
        "CREATE TABLE kept_logs AS SELECT * FROM audit_logs; CREATE TABLE kept_batches AS SELECT * FROM audit_batches";
    log.tamper(keep, keep).await;
}

async fn undo(log: &Log) {
    let undo = "DELETE FROM audit_logs; INSERT INTO audit_logs SELECT * FROM kept_logs; \
                DELETE FROM audit_batches; INSERT INTO audit_batches SELECT * FROM kept_batches";
    log.tamper(undo, undo).await;
    assert!(look(log).await.is_intact());
}

/// Literals differ between the stores.
fn bytes(log: &Log, hexadecimal: &str) -> String {
    if log.is_postgres() { format!("decode('{hexadecimal}', 'hex')") } else { format!("x'{hexadecimal}'") }
}

fn uuid(log: &Log, simple: &str) -> String {
    if log.is_postgres() { format!("'{simple}'::uuid") } else { format!("x'{simple}'") }
}

fn later(log: &Log, column: &str) -> String {
    if log.is_postgres() { format!("{column} + interval '1 microsecond'") } else { format!("{column} + 1") }
}

const OTHER: &str = "0192a3b4c5d67e8f90a1b2c3d4e5f607";

async fn an_untouched_log_is_intact(log: Log) {
    let empty = look(&log).await;
    assert!(empty.is_intact() && empty.batches == 0 && empty.entries == 0, "{empty:?}");
    with_entries(&log).await;
    let report = look(&log).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
    let counted = (report.streams, report.batches, report.entries, report.promised);
    assert_eq!(counted, (3, 5, 15, 15));
}

async fn an_edit_of_any_column_of_a_row_is_found(log: Log) {
    let batches = with_entries(&log).await;
    let stream = batches[0].header().stream_id.simple().to_string();
    keep(&log).await;
    let text = "'edited'".to_owned();
    let address = if log.is_postgres() { "'192.168.1.9/24'".to_owned() } else { "'10.0.0.1'".to_owned() };
    let edits = [
        ("id", uuid(&log, OTHER)),
        ("actor_id", text.clone()),
        ("actor_id", "NULL".to_owned()),
        ("actor_type", "'system'".to_owned()),
        ("action", text.clone()),
        ("target_type", text.clone()),
        ("target_id", text.clone()),
        ("target_id", "''".to_owned()),
        ("metadata", r#"'{"note": "é", "try": 5}'"#.to_owned()),
        ("metadata", r#"'{"try": 1}'"#.to_owned()),
        ("metadata", "'{}'".to_owned()),
        ("ip_address", "'192.168.1.77'".to_owned()),
        ("ip_address", address),
        ("user_agent", text.clone()),
        ("created_at", later(&log, "created_at")),
        ("outcome", "'success'".to_owned()),
        ("error", "NULL".to_owned()),
        ("duration_us", "7777".to_owned()),
        ("attempt_id", uuid(&log, OTHER)),
        ("request_id", text.clone()),
        ("trace_id", text.clone()),
        ("span_id", text.clone()),
        ("tenant_id", text.clone()),
        ("on_behalf_of", text.clone()),
        ("origin", text),
        ("recorded_at", later(&log, "recorded_at")),
        ("stream_id", uuid(&log, OTHER)),
        ("seq", "seq + 1000".to_owned()),
        ("salt", bytes(&log, OTHER)),
        ("salt", "NULL".to_owned()),
        ("redacted", "'{}'".to_owned()),
    ];
    for (column, value) in edits {
        let edit =
            format!("UPDATE audit_logs SET {column} = {value} WHERE seq = 4 AND stream_id = {}", uuid(&log, &stream));
        log.tamper(&edit, &edit).await;
        let report = look(&log).await;
        assert!(!report.is_intact(), "{column} = {value}");
        undo(&log).await;
    }
}

async fn an_edit_of_any_column_of_a_header_is_found(log: Log) {
    let batches = with_entries(&log).await;
    let stream = batches[0].header().stream_id.simple().to_string();
    keep(&log).await;
    let hash = bytes(&log, &OTHER.repeat(2));
    let edits = [
        ("stream_id", uuid(&log, OTHER)),
        ("batch_no", "7".to_owned()),
        ("kind", "'outbox'".to_owned()),
        ("kind", "'lost'".to_owned()),
        ("first_seq", "4".to_owned()),
        ("n", "3".to_owned()),
        ("n", "2147483647".to_owned()),
        ("first_created", later(&log, "first_created")),
        ("last_created", later(&log, "last_created")),
        ("rows_root", hash.clone()),
        ("prev_hash", hash),
        ("writer_time", later(&log, "writer_time")),
        ("key_id", "'another'".to_owned()),
        ("db_time", later(&log, "db_time")),
    ];
    for (column, value) in edits {
        let edit = format!(
            "UPDATE audit_batches SET {column} = {value} WHERE batch_no = 1 AND stream_id = {}",
            uuid(&log, &stream)
        );
        log.tamper(&edit, &edit).await;
        assert!(!look(&log).await.is_intact(), "{column} = {value}");
        undo(&log).await;
    }
}

async fn a_row_that_was_removed_or_inserted_or_swapped_is_found(log: Log) {
    let batches = with_entries(&log).await;
    let stream_id = batches[0].header().stream_id;
    let of_stream = format!("stream_id = {}", uuid(&log, &stream_id.simple().to_string()));
    keep(&log).await;

    let remove = format!("DELETE FROM audit_logs WHERE seq = 4 AND {of_stream}");
    log.tamper(&remove, &remove).await;
    let report = look(&log).await;
    let [Break::MissingRows { rows: 1, first_seq: 4, batch_no: 1, .. }] = report.breaks[..] else {
        panic!("{:?}", report.breaks)
    };
    undo(&log).await;

    // A copy of a row, in its place, behind the last, and in a stream of its own.
    for place in ["seq", "seq + 1000"] {
        let insert = format!(
            "CREATE TABLE forged AS SELECT * FROM audit_logs WHERE seq = 4 AND {of_stream}; \
             UPDATE forged SET id = {}, seq = {place}; INSERT INTO audit_logs SELECT * FROM forged; DROP TABLE forged",
            uuid(&log, OTHER)
        );
        log.tamper(&insert, &insert).await;
        let report = look(&log).await;
        let is_found = match place {
            "seq" => matches!(report.breaks[..], [Break::DoubledRow { seq: 4, .. }, ..]),
            _ => matches!(report.breaks[..], [Break::UnknownRow { seq: 1004, .. }]),
        };
        assert!(is_found, "{:?}", report.breaks);
        undo(&log).await;
    }

    let swap = format!("UPDATE audit_logs SET seq = 9 - seq WHERE seq IN (4, 5) AND {of_stream}");
    log.tamper(&swap, &swap).await;
    let report = look(&log).await;
    assert!(matches!(report.breaks[..], [Break::AlteredRows { batch_no: 1, rows: 4, .. }]), "{:?}", report.breaks);
    undo(&log).await;
}

async fn a_batch_that_was_removed_or_inserted_or_numbered_again_is_found(log: Log) {
    let batches = with_entries(&log).await;
    let stream_id = batches[0].header().stream_id;
    let of_stream = format!("stream_id = {}", uuid(&log, &stream_id.simple().to_string()));
    keep(&log).await;

    // With its rows, so that nothing but the chain tells.
    for (batch_no, rows) in [(0, "seq < 3"), (1, "seq BETWEEN 3 AND 6")] {
        let remove = format!(
            "DELETE FROM audit_logs WHERE {rows} AND {of_stream}; DELETE FROM audit_batches WHERE batch_no = {batch_no} AND {of_stream}"
        );
        log.tamper(&remove, &remove).await;
        let breaks = look(&log).await.breaks;
        assert_eq!(breaks, [Break::MissingBatches { stream_id, first: batch_no, last: batch_no }]);
        undo(&log).await;
    }

    // A header without rows between two others, which moves down.
    let insert = format!(
        "CREATE TABLE forged AS SELECT * FROM audit_batches WHERE batch_no = 1 AND {of_stream}; \
         UPDATE forged SET batch_no = 2, first_seq = 7, n = 0; \
         UPDATE audit_batches SET batch_no = 3 WHERE batch_no = 2 AND {of_stream}; \
         INSERT INTO audit_batches SELECT * FROM forged; DROP TABLE forged"
    );
    log.tamper(&insert, &insert).await;
    let breaks = look(&log).await.breaks;
    assert!(breaks.contains(&Break::BrokenChain { stream_id, batch_no: 3 }), "{breaks:?}");
    undo(&log).await;

    // Another batch under a number that was used: its own hashes are right.
    let mut another = Freezer::new();
    let forged = another.freeze(entries(4), SystemTime::now());
    log.land(&forged).await;
    let reuse = format!(
        "UPDATE audit_batches SET rows_root = (SELECT f.rows_root FROM audit_batches f WHERE f.stream_id = {forged}) \
         WHERE batch_no = 1 AND {of_stream}; DELETE FROM audit_batches WHERE stream_id = {forged}; \
         DELETE FROM audit_logs WHERE stream_id = {forged}",
        forged = uuid(&log, &forged.header().stream_id.simple().to_string())
    );
    log.tamper(&reuse, &reuse).await;
    assert!(!look(&log).await.is_intact());
}

async fn dead_letters_are_rows_like_others(log: Log) {
    let refuse = "ALTER TABLE audit_logs ADD CONSTRAINT fussy CHECK (target_id <> 'proj_2')";
    let on_sqlite = "CREATE TRIGGER fussy BEFORE INSERT ON audit_logs WHEN NEW.target_id = 'proj_2' \
                     BEGIN SELECT RAISE(ABORT, 'fussy'); END";
    log.tamper(refuse, on_sqlite).await;
    let batch = Freezer::new().freeze(entries(30), SystemTime::now());
    let mut connection = log.store.connect().await.unwrap();
    connection.land(&batch).await.unwrap();
    let report = look(&log).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.entries, report.dead_letters), (29, 1));

    for edit in [
        "UPDATE audit_dead_letters SET encoded = CAST(replace(CAST(encoded AS TEXT), 'door.opened', 'door.closed') AS BLOB)",
        "UPDATE audit_dead_letters SET encoded = CAST(replace(CAST(encoded AS TEXT), '\"note\":\"é\"', '\"note\":\"e\"') AS BLOB)",
        "UPDATE audit_dead_letters SET idx = 29",
        "UPDATE audit_dead_letters SET db_time = (SELECT min(created_at) FROM audit_logs)",
        "UPDATE audit_dead_letters SET stream_id = NOWHERE",
        "INSERT INTO audit_dead_letters (stream_id, batch_no, db_time, idx, leaf_hash, encoded)
         SELECT NOWHERE, batch_no, db_time, idx, leaf_hash, encoded FROM audit_dead_letters",
        "UPDATE audit_dead_letters SET leaf_hash = (SELECT rows_root FROM audit_batches)",
        "INSERT INTO audit_dead_letters (stream_id, batch_no, idx, leaf_hash, encoded)
         SELECT stream_id, 7, idx, leaf_hash, encoded FROM audit_dead_letters",
        "DELETE FROM audit_dead_letters",
    ] {
        // Of no bytes in SQLite, where a page might begin behind it.
        let (edit, on_postgres) =
            (&edit.replace("NOWHERE", "x''"), edit.replace("NOWHERE", "'00000000-0000-0000-0000-000000000000'"));
        let on_postgres = on_postgres
            .replace("CAST(encoded AS TEXT)", "convert_from(encoded, 'UTF8')")
            .replace("CAST(replace", "convert_to(replace")
            .replace(" AS BLOB)", ", 'UTF8')");
        let keep = "CREATE TABLE kept_letters AS SELECT * FROM audit_dead_letters";
        log.tamper(&format!("{keep}; {on_postgres}"), &format!("{keep}; {edit}")).await;
        assert!(!look(&log).await.is_intact(), "{edit}");
        let undo = "DELETE FROM audit_dead_letters; INSERT INTO audit_dead_letters SELECT * FROM kept_letters; \
                    DROP TABLE kept_letters";
        log.tamper(undo, undo).await;
        assert!(look(&log).await.is_intact());
    }
}

async fn what_no_writer_can_have_written_is_found_and_the_rest_is_still_looked_at(log: Log) {
    with_entries(&log).await;
    keep(&log).await;
    for (on_postgres, on_sqlite) in [
        (
            "ALTER TABLE audit_logs DROP CONSTRAINT audit_logs_values; UPDATE audit_logs SET outcome = 'won' WHERE seq = 0",
            "UPDATE audit_logs SET outcome = 'won' WHERE seq = 0",
        ),
        (
            "ALTER TABLE audit_batches DROP CONSTRAINT audit_batches_values; UPDATE audit_batches SET kind = 'gift' WHERE batch_no = 0",
            "UPDATE audit_batches SET kind = 'gift' WHERE batch_no = 0",
        ),
        ("UPDATE audit_logs SET recorded_at = 'infinity'", "UPDATE audit_logs SET recorded_at = 9223372036854775807"),
        ("UPDATE audit_logs SET recorded_at = '-infinity'", "UPDATE audit_logs SET recorded_at = -9223372036854775808"),
        ("UPDATE audit_batches SET db_time = 'infinity'", "UPDATE audit_batches SET db_time = 9223372036854775807"),
        ("UPDATE audit_logs SET metadata = '[1]'", "UPDATE audit_logs SET metadata = '{\"a\":'"),
        ("UPDATE audit_logs SET metadata = '{\"a\": 1e2000}'", "UPDATE audit_logs SET ip_address = 'nowhere'"),
    ] {
        log.tamper(on_postgres, on_sqlite).await;
        let report = look(&log).await;
        assert!(!report.is_intact(), "{on_postgres}");
        assert_eq!(report.entries, 15);
        undo(&log).await;
    }
}

async fn the_whole_log_is_read_page_by_page(log: Log) {
    // More than a page of headers, of rows, and of rows of one time.
    let mut freezer = Freezer::new();
    let time = SystemTime::now();
    for _ in 0..3 {
        log.land(&freezer.freeze(entries(2_500), time)).await;
    }
    let mut told = Vec::new();
    let report = verify(&log.url, &Schema::default(), |progress| told.push(progress.entries)).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!(report.entries, 7_500);
    assert!(told.len() > 1 && told.is_sorted() && told.last() == Some(&7_500), "{told:?}");
}

/// Not the owner's, not the superuser's: an auditor is given this role and no other.
#[tokio::test]
async fn the_readers_role_suffices() {
    let database = server().database().await;
    let store = store::open(&database.url(), &Schema::default()).unwrap();
    store.migrate().await.unwrap();
    let mut connection = store.connect().await.unwrap();
    connection.land(&Freezer::new().freeze(entries(3), SystemTime::now())).await.unwrap();
    let report = verify(&database.url_as("audit_reader").await, &Schema::default(), |_| ()).await.unwrap();
    assert!(report.is_intact() && report.entries == 3);
    let error = verify(&database.url_as("audit_writer").await, &Schema::default(), |_| ()).await.unwrap_err();
    assert!(error.is_permission_denied(), "{error}");
}
