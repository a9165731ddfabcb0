//! The tree, its checkpoints, signatures, and what is found with them.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use audit_core::batch::{Batch, Freezer};
use audit_core::doctor::{Level, examine};
use audit_core::migrate::Options;
use audit_core::seal::{Checkpoint, Sealer, SealerError};
use audit_core::signing::{Note, Signer, SigningKey, TrustedKeys};
use audit_core::store::Schema;
use audit_core::verify::{Break, Proof, ProofError, ProveError, Report, SavedCheckpoint, Verifier, prove};
use audit_core::{ActionName, Auditor, Entry, Migrate};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tests::samples;
use uuid::Uuid;

use crate::log::{Log, for_both_stores};

for_both_stores! {
    a_sealed_log_is_intact_and_covered
    sealing_again_adds_what_is_new_and_no_more
    what_is_behind_a_gap_waits_until_it_closes
    another_key_goes_on_where_the_first_one_ended
    a_sealer_signs_no_tree_that_contradicts_a_checkpoint
    what_a_sealer_put_down_beside_a_checkpoint_is_not_believed_unchecked
    the_end_of_the_log_cannot_be_cut_off
    a_stream_cannot_be_removed
    what_is_sealed_of_a_header_cannot_be_changed
    the_tree_cannot_be_changed
    a_checkpoint_cannot_be_forged
    a_log_written_anew_without_the_key_is_found
    a_log_written_anew_with_the_key_contradicts_what_was_kept
    what_nobody_trusted_has_signed_is_found
    an_entry_cannot_be_dated_back
    an_entry_that_waited_is_not_taken_for_one_dated_back
    a_part_of_the_log_can_be_looked_at
    checkpoints_are_kept_outside_too
    an_entry_can_be_proved_without_the_log
    there_is_no_proof_of_what_is_not_there_or_not_covered
    the_doctor_tells_what_is_not_sealed_or_not_signed
    a_leaf_cannot_hide_where_only_one_reading_finds_it
    a_header_cannot_hide_where_only_one_reading_finds_it
    a_header_cannot_be_kept_from_the_tree
    a_tree_is_not_signed_that_contradicts_what_was_kept_outside
}

/// A time without an end could not be hashed: it is refused, and what was there before holds up its own stream alone.
#[tokio::test]
async fn a_header_that_cannot_be_sealed_holds_up_nobody_else() {
    let log = Log::postgres().await;
    let forged = "INSERT INTO control_plane.audit_batches (stream_id, batch_no, first_seq, first_created, last_created, writer_time,
             n, kind, rows_root, prev_hash)
         VALUES (gen_random_uuid(), 0, 0, now(), now(), 'infinity', 0, 'entries', sha256(''), decode(repeat('00', 32), 'hex'))";
    assert!(log.attack(forged).await.is_err());
    let earlier = format!("ALTER TABLE audit_batches DROP CONSTRAINT audit_batches_times; {forged}");
    log.tamper(&earlier, "").await;
    with_batches(&log, None).await;
    assert_eq!(log.seal(None).await.headers, 3);
}

/// Whoever may connect may take an advisory lock, and sealing goes on.
#[tokio::test]
async fn nobody_without_privileges_can_stop_the_sealing() {
    let log = Log::postgres().await;
    with_batches(&log, None).await;
    let mut other = PgConnection::connect(&log.url).await.unwrap();
    let locks = "SELECT pg_advisory_lock(hashtextextended('control_plane.audit_tree', 0)); BEGIN; \
                 SELECT count(*) FROM control_plane.audit_tree";
    sqlx::raw_sql(locks).execute(&mut other).await.unwrap();
    assert_eq!(log.seal(Some(&key("log"))).await.headers, 3);
}

/// A transaction that began before others and commits after them is sealed all the same, once.
#[tokio::test]
async fn a_transaction_that_commits_late_is_sealed_once() {
    let (log, key) = (Log::postgres().await, key("log"));
    let mut late = PgConnection::connect(&log.url).await.unwrap();
    sqlx::raw_sql(
        "BEGIN; INSERT INTO control_plane.audit_batches (stream_id, batch_no, first_seq, first_created, last_created, writer_time,
             n, kind, rows_root, prev_hash)
         VALUES (gen_random_uuid(), 0, 0, now(), now(), now(), 0, 'entries', sha256(''), decode(repeat('00', 32), 'hex'))",
    )
    .execute(&mut late)
    .await
    .unwrap();
    for _ in 0..2 {
        with_batches(&log, None).await;
        assert_eq!(log.seal(Some(&key)).await.headers, 3);
    }
    sqlx::raw_sql("COMMIT").execute(&mut late).await.unwrap();
    let sealed = log.seal(Some(&key)).await;
    assert_eq!((sealed.headers, sealed.size), (1, 7));
    assert_eq!(log.seal(Some(&key)).await.headers, 0);
    let report = verifier(&log).trusting(trusting(&key)).run(|_| ()).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.breaks);
}

/// Many seal while many land: every header becomes one leaf, in the order of its stream.
#[tokio::test]
async fn many_sealers_seal_each_header_once() {
    let log = Arc::new(Log::postgres().await);
    let landing = (0..4).map(|_| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut freezer = Freezer::new();
            for _ in 0..25 {
                log.land(&samples::batch(&mut freezer, 1)).await;
            }
        })
    });
    let sealing = (0..3).map(|_| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for _ in 0..25 {
                log.seal(Some(&SigningKey::generate("log").unwrap())).await;
            }
        })
    });
    for task in landing.chain(sealing).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    log.seal(None).await;
    let report = look(&log).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.sealed_batches, report.unsealed_batches), (100, 0));
}

/// A log that was not sealed for long is sealed in steps: each as long as it may be, none with a gap, and the watermark moves
/// only once nothing is left.
#[tokio::test]
async fn a_backlog_is_sealed_step_by_step() {
    const STREAMS: usize = 5;
    const BATCHES: usize = 8;
    let log = Log::postgres().await;
    for _ in 0..STREAMS {
        let mut freezer = Freezer::new();
        for _ in 0..BATCHES {
            log.land(&samples::batch(&mut freezer, 1)).await;
        }
    }
    // A stream with a gap holds up nobody else.
    let mut broken = Freezer::new();
    let [first, missing, last] = [1, 1, 1].map(|rows| samples::batch(&mut broken, rows));
    log.land(&first).await;
    log.land(&last).await;

    let mut connection = PgConnection::connect(&log.url).await.unwrap();
    let (mut watermark, mut sealed) = ("0".to_owned(), Vec::new());
    loop {
        let question =
            format!("SELECT sealed, watermark::text, is_whole FROM control_plane.audit_seal('{watermark}', 3)");
        let step = sqlx::query_as::<_, (i32, String, bool)>(sqlx::AssertSqlSafe(question));
        let (headers, next, is_whole) = step.fetch_one(&mut connection).await.unwrap();
        sealed.push(headers);
        assert_eq!(next == "0", !is_whole, "{sealed:?}");
        watermark = next;
        if is_whole {
            break;
        }
    }
    let (last_step, steps) = sealed.split_last().unwrap();
    assert!(steps.iter().all(|headers| *headers == 3) && *last_step < 3, "{sealed:?}");
    assert_eq!(sealed.iter().sum::<i32>(), i32::try_from(STREAMS * BATCHES + 1).unwrap());
    log.land(&missing).await;
    assert_eq!(log.seal(None).await.headers, 2);
    let report = look(&log).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
}

#[tokio::test]
async fn a_writer_seals_what_it_lands_and_signs_it() {
    for log in [Log::postgres().await, Log::sqlite().await] {
        let (ours, billing) = (key("log"), key("billing"));
        let writer = Auditor::builder()
            .url(&log.url)
            .migrate(Migrate::Skip)
            .signer(billing.clone())
            .checkpoint_signer(ours.clone())
            .lanes(1)
            .start()
            .await
            .unwrap();
        writer.auditor().record(old_entry(Duration::ZERO)).await.unwrap();
        writer.shutdown(Duration::from_secs(10)).await;
        let keys = format!("log {}\nwriter {}", ours.verifying_key(), billing.verifying_key()).parse().unwrap();
        let report = verifier(&log).trusting(keys).run(|_| ()).await.unwrap();
        assert!(report.is_intact(), "{:?}", report.breaks);
        // Its stream is opened and closed.
        assert_eq!((report.entries, report.signed_batches, report.covered_batches), (1, 3, 3));
    }
}

fn key(name: &str) -> SigningKey {
    SigningKey::generate(name).unwrap()
}

/// Two streams, of two batches and of one.
async fn with_batches(log: &Log, signer: Option<&SigningKey>) -> Vec<Batch> {
    let signer = signer.map(|key| Arc::new(key.clone()) as Arc<dyn Signer>);
    let mut first = Freezer::new().signed_by(signer.clone());
    let mut second = Freezer::new().signed_by(signer);
    let batches = vec![samples::batch(&mut first, 3), samples::batch(&mut first, 2), samples::batch(&mut second, 4)];
    for batch in &batches {
        log.land(batch).await;
    }
    batches
}

fn verifier(log: &Log) -> Verifier<'_> {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::default);
    Verifier::new(&log.url, &SCHEMA)
}

async fn look(log: &Log) -> Report {
    verifier(log).run(|_| ()).await.unwrap()
}

fn trusting(log: &SigningKey) -> TrustedKeys {
    format!("log {}", log.verifying_key()).parse().unwrap()
}

fn trusting_writer(writer: &SigningKey) -> TrustedKeys {
    format!("writer {}", writer.verifying_key()).parse().unwrap()
}

/// Of a batch, as SQL names it.
fn of(log: &Log, batch: &Batch) -> String {
    let simple = batch.header().stream_id.simple();
    let stream = if log.is_postgres() { format!("'{simple}'") } else { format!("x'{simple}'") };
    format!("stream_id = {stream} AND batch_no = {}", batch.header().batch_no)
}

fn rows_of(log: &Log, batch: &Batch) -> String {
    let simple = batch.header().stream_id.simple();
    let stream = if log.is_postgres() { format!("'{simple}'") } else { format!("x'{simple}'") };
    let (first, n) = (batch.header().first_seq, i64::from(batch.header().n));
    format!("stream_id = {stream} AND seq >= {first} AND seq < {}", first + n)
}

fn bytes(log: &Log, hexadecimal: &str) -> String {
    if log.is_postgres() { format!("decode('{hexadecimal}', 'hex')") } else { format!("x'{hexadecimal}'") }
}

async fn both(log: &Log, sql: &str) {
    log.tamper(sql, sql).await;
}

async fn a_sealed_log_is_intact_and_covered(log: Log) {
    let key = key("log.example.org");
    with_batches(&log, None).await;
    let unsealed = look(&log).await;
    assert_eq!((unsealed.sealed_batches, unsealed.unsealed_batches), (0, 3));
    assert!(unsealed.is_intact());
    let sealed = log.seal(Some(&key)).await;
    assert_eq!((sealed.headers, sealed.size), (3, 3));
    let report = verifier(&log).trusting(trusting(&key)).run(|_| ()).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.sealed_batches, report.unsealed_batches), (3, 0));
    assert_eq!((report.checkpoints, report.covered_batches), (1, 3));
    let note: Note = report.head.parse().unwrap();
    assert!(note.is_signed_by(key.verifying_key()));
    assert_eq!(note.text().parse::<Checkpoint>().unwrap().size, 3);
}

async fn sealing_again_adds_what_is_new_and_no_more(log: Log) {
    let key = key("log");
    with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    let again = log.seal(Some(&key)).await;
    assert_eq!((again.headers, again.size), (0, 3));
    assert_eq!(look(&log).await.checkpoints, 1, "nothing was new to sign");
    with_batches(&log, None).await;
    let more = log.seal(Some(&key)).await;
    assert_eq!((more.headers, more.size), (3, 6));
    let report = verifier(&log).trusting(trusting(&key)).run(|_| ()).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.checkpoints, report.covered_batches), (2, 6));
}

async fn what_is_behind_a_gap_waits_until_it_closes(log: Log) {
    let mut freezer = Freezer::new();
    let [first, second, third] = [1, 1, 1].map(|rows| samples::batch(&mut freezer, rows));
    log.land(&first).await;
    log.land(&third).await;
    assert_eq!(log.seal(None).await.headers, 1);
    log.land(&second).await;
    assert_eq!(log.seal(None).await.headers, 2);
    assert!(look(&log).await.is_intact());
}

async fn another_key_goes_on_where_the_first_one_ended(log: Log) {
    let (first, second) = (key("log"), key("log"));
    with_batches(&log, None).await;
    log.seal(Some(&first)).await;
    with_batches(&log, None).await;
    assert_eq!(log.seal(Some(&second)).await.size, 6);
    let keys = format!("log {}\nlog {}", first.verifying_key(), second.verifying_key()).parse().unwrap();
    let report = verifier(&log).trusting(keys).run(|_| ()).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.breaks);
    let report = verifier(&log).trusting(trusting(&second)).run(|_| ()).await.unwrap();
    assert_eq!(report.breaks, [Break::ForgedCheckpoint { size: 3 }], "one key is not the other");
}

async fn a_sealer_signs_no_tree_that_contradicts_a_checkpoint(log: Log) {
    with_batches(&log, None).await;
    log.seal(Some(&key("log"))).await;
    let zeros = bytes(&log, &"00".repeat(32));
    both(&log, &format!("UPDATE audit_tree SET leaf_hash = {zeros} WHERE leaf = 1")).await;
    with_batches(&log, None).await;
    let mut another = Sealer::new(&log.url, &Schema::default()).unwrap().signer(key("log"));
    let error = another.once().await.unwrap_err();
    assert!(matches!(error, SealerError::Contradiction { size: 3, .. }), "{error}");
    assert_eq!(look(&log).await.checkpoints, 1);
}

async fn what_a_sealer_put_down_beside_a_checkpoint_is_not_believed_unchecked(log: Log) {
    let key = key("log");
    with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    let other = bytes(&log, &"ab".repeat(64));
    both(&log, &format!("UPDATE audit_checkpoints SET frontier = {other}")).await;
    with_batches(&log, None).await;
    assert_eq!(log.seal(Some(&key)).await.size, 6);
    let report = verifier(&log).trusting(trusting(&key)).run(|_| ()).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.breaks);
}

async fn the_end_of_the_log_cannot_be_cut_off(log: Log) {
    let key = key("log");
    let batches = with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    let kept: SavedCheckpoint = look(&log).await.head.parse().unwrap();
    let last = &batches[1];
    let cut = format!(
        "DELETE FROM audit_batches WHERE {}; DELETE FROM audit_logs WHERE {}",
        of(&log, last),
        rows_of(&log, last)
    );
    both(&log, &cut).await;
    let stream_id = last.header().stream_id;
    assert_eq!(look(&log).await.breaks, [Break::MissingBatches { stream_id, first: 1, last: 1 }]);

    // Whoever cuts the tree, too, contradicts the checkpoint; whoever removes that, what the verifier kept.
    let others: String = format!(
        "DELETE FROM audit_tree; INSERT INTO audit_tree (leaf, stream_id, batch_no, leaf_hash)
        SELECT row_number() OVER (ORDER BY leaf) - 1, stream_id, batch_no, leaf_hash FROM kept WHERE NOT ({})",
        of(&log, last)
    );
    both(&log, &format!("CREATE TABLE kept AS SELECT * FROM audit_tree; {others}")).await;
    assert_eq!(look(&log).await.breaks, [Break::Truncated { size: 3, leaves: 2 }]);
    both(&log, "DELETE FROM audit_checkpoints").await;
    assert!(look(&log).await.is_intact(), "nothing is left that tells");
    let report = verifier(&log).against(kept).run(|_| ()).await.unwrap();
    assert_eq!(report.breaks, [Break::Truncated { size: 3, leaves: 2 }]);
}

async fn a_stream_cannot_be_removed(log: Log) {
    let batches = with_batches(&log, None).await;
    log.seal(None).await;
    let stream_id = batches[0].header().stream_id;
    let simple = stream_id.simple();
    let stream = if log.is_postgres() { format!("'{simple}'") } else { format!("x'{simple}'") };
    let remove = format!(
        "DELETE FROM audit_batches WHERE stream_id = {stream}; DELETE FROM audit_logs WHERE stream_id = {stream}"
    );
    both(&log, &remove).await;
    assert_eq!(look(&log).await.breaks, [Break::MissingBatches { stream_id, first: 0, last: 1 }]);
}

async fn what_is_sealed_of_a_header_cannot_be_changed(log: Log) {
    let batches = with_batches(&log, Some(&key("billing"))).await;
    log.seal(None).await;
    let last = &batches[2];
    let (stream_id, batch_no) = (last.header().stream_id, last.header().batch_no);
    both(&log, "CREATE TABLE kept AS SELECT * FROM audit_batches; CREATE TABLE kept_logs AS SELECT * FROM audit_logs")
        .await;
    let later = |column: &str| {
        if log.is_postgres() { format!("{column} + interval '1 second'") } else { format!("{column} + 1000000") }
    };
    let signature = bytes(&log, &"07".repeat(64));
    let changes = [
        format!("UPDATE audit_batches SET sig = {signature} WHERE {}", of(&log, last)),
        format!("UPDATE audit_batches SET sig = NULL WHERE {}", of(&log, last)),
        format!("UPDATE audit_batches SET key_id = 'other' WHERE {}", of(&log, last)),
        format!("UPDATE audit_batches SET key_id = NULL, sig = NULL WHERE {}", of(&log, last)),
        format!("UPDATE audit_batches SET writer_time = {} WHERE {}", later("writer_time"), of(&log, last)),
        format!("UPDATE audit_batches SET kind = 'outbox' WHERE {}", of(&log, last)),
        format!(
            "UPDATE audit_batches SET kind = 'lost', rows_root = {} WHERE {}; DELETE FROM audit_logs WHERE {}",
            bytes(&log, &"00".repeat(32)),
            of(&log, last),
            rows_of(&log, last)
        ),
        format!(
            "UPDATE audit_batches SET db_time = {} WHERE {}; UPDATE audit_logs SET recorded_at = {} WHERE {}",
            later("db_time"),
            of(&log, last),
            later("recorded_at"),
            rows_of(&log, last)
        ),
    ];
    for change in changes {
        both(&log, &change).await;
        assert_eq!(look(&log).await.breaks, [Break::AlteredHeader { stream_id, batch_no }], "{change}");
        both(
            &log,
            "DELETE FROM audit_batches; INSERT INTO audit_batches SELECT * FROM kept; \
                    DELETE FROM audit_logs; INSERT INTO audit_logs SELECT * FROM kept_logs",
        )
        .await;
        assert!(look(&log).await.is_intact());
    }
}

async fn the_tree_cannot_be_changed(log: Log) {
    let key = key("log");
    let batches = with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    both(&log, "CREATE TABLE kept AS SELECT * FROM audit_tree").await;
    let first = batches.iter().map(|batch| (batch.header().stream_id, batch.header().batch_no)).min().unwrap();
    let zeros = bytes(&log, &"00".repeat(32));
    let changes = [
        ("DELETE FROM audit_tree WHERE leaf = 1".to_owned(), Break::BrokenTree { leaf: 1 }),
        (
            // Two leaves change places.
            "UPDATE audit_tree SET leaf = 99 WHERE leaf = 0; UPDATE audit_tree SET leaf = 0 WHERE leaf = 1; \
             UPDATE audit_tree SET leaf = 1 WHERE leaf = 99"
                .to_owned(),
            Break::OtherTree { size: 3, is_saved: false },
        ),
        (
            format!("UPDATE audit_tree SET leaf_hash = {zeros} WHERE leaf = 0"),
            Break::AlteredHeader { stream_id: first.0, batch_no: first.1 },
        ),
    ];
    for (change, expected) in changes {
        both(&log, &change).await;
        let breaks = look(&log).await.breaks;
        assert!(breaks.contains(&expected), "{change}: {breaks:?}");
        both(&log, "DELETE FROM audit_tree; INSERT INTO audit_tree SELECT * FROM kept").await;
        assert!(look(&log).await.is_intact());
    }
    // The first batch of a stream is taken out of the tree, which closes up: later ones of the stream are in it.
    let close_up = format!(
        "DELETE FROM audit_tree; DELETE FROM audit_checkpoints; INSERT INTO audit_tree (leaf, stream_id, batch_no, leaf_hash)
         SELECT row_number() OVER (ORDER BY leaf) - 1, stream_id, batch_no, leaf_hash FROM kept WHERE NOT ({})",
        of(&log, &batches[0])
    );
    both(&log, &close_up).await;
    let stream_id = batches[0].header().stream_id;
    assert_eq!(look(&log).await.breaks, [Break::PassedOver { stream_id, batch_no: 0 }]);
}

async fn a_checkpoint_cannot_be_forged(log: Log) {
    let (ours, forger) = (key("log"), key("log"));
    let foreign = key("other.example.org");
    with_batches(&log, None).await;
    log.seal(Some(&ours)).await;
    let note: Note = look(&log).await.head.parse().unwrap();
    let checkpoint: Checkpoint = note.text().parse().unwrap();
    let changed = Checkpoint { root: [7; 32], ..checkpoint.clone() };
    let other = Checkpoint { origin: "other.example.org".to_owned(), ..checkpoint.clone() };
    let sign = |checkpoint: &Checkpoint, key: &SigningKey| Note::sign(checkpoint.to_string(), key).unwrap().to_string();
    let attempts = [
        (sign(&checkpoint, &forger), Break::ForgedCheckpoint { size: 3 }),
        (sign(&changed, &ours), Break::ForgedCheckpoint { size: 3 }),
        (sign(&other, &foreign), Break::ForeignCheckpoint { size: 3, origin: "other.example.org".to_owned() }),
        (checkpoint.to_string(), Break::ForgedCheckpoint { size: 3 }),
        (note.to_string().replace("\n3\n", "\n4\n"), Break::ForgedCheckpoint { size: 3 }),
    ];
    for (text, expected) in attempts {
        both(&log, &format!("UPDATE audit_checkpoints SET note = '{text}'")).await;
        let report = verifier(&log).trusting(trusting(&ours)).run(|_| ()).await.unwrap();
        assert_eq!(report.breaks, [expected, Break::NoCheckpoint { batches: 3 }], "{text}");
    }
    // Kept ones, too.
    both(&log, &format!("UPDATE audit_checkpoints SET note = '{note}'")).await;
    for (text, expected) in [
        (sign(&checkpoint, &forger), Break::ForgedCheckpoint { size: 3 }),
        (sign(&other, &foreign), Break::ForeignCheckpoint { size: 3, origin: "other.example.org".to_owned() }),
    ] {
        let report = verifier(&log).trusting(trusting(&ours)).against(text.parse().unwrap()).run(|_| ()).await.unwrap();
        assert_eq!(report.breaks, [expected]);
    }
    // Where no key is trusted, origins are compared.
    let report = verifier(&log).against(sign(&other, &foreign).parse().unwrap()).run(|_| ()).await.unwrap();
    assert_eq!(report.breaks, [Break::ForeignCheckpoint { size: 3, origin: "log".to_owned() }]);
}

/// Everything is removed, and another log put in its place.
async fn write_anew(log: &Log, key: &SigningKey) {
    both(
        log,
        "DELETE FROM audit_logs; DELETE FROM audit_batches; DELETE FROM audit_tree; DELETE FROM audit_checkpoints",
    )
    .await;
    with_batches(log, None).await;
    log.seal(Some(key)).await;
}

async fn a_log_written_anew_without_the_key_is_found(log: Log) {
    let (ours, theirs) = (key("log"), key("log"));
    with_batches(&log, None).await;
    log.seal(Some(&ours)).await;
    write_anew(&log, &theirs).await;
    let report = verifier(&log).trusting(trusting(&ours)).run(|_| ()).await.unwrap();
    assert_eq!(report.breaks, [Break::ForgedCheckpoint { size: 3 }, Break::NoCheckpoint { batches: 3 }]);
    both(&log, "DELETE FROM audit_checkpoints").await;
    let report = verifier(&log).trusting(trusting(&ours)).run(|_| ()).await.unwrap();
    assert_eq!(report.breaks, [Break::NoCheckpoint { batches: 3 }]);
}

async fn a_log_written_anew_with_the_key_contradicts_what_was_kept(log: Log) {
    let key = key("log");
    with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    let kept: SavedCheckpoint = look(&log).await.head.parse().unwrap();
    let report = verifier(&log).trusting(trusting(&key)).against(kept.clone()).run(|_| ()).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.breaks);
    write_anew(&log, &key).await;
    let report = verifier(&log).trusting(trusting(&key)).run(|_| ()).await.unwrap();
    assert!(report.is_intact(), "the key makes it look right");
    let report = verifier(&log).trusting(trusting(&key)).against(kept).run(|_| ()).await.unwrap();
    assert_eq!(report.breaks, [Break::OtherTree { size: 3, is_saved: true }]);
}

async fn what_nobody_trusted_has_signed_is_found(log: Log) {
    let (ours, another) = (key("billing"), key("billing"));
    let signed = with_batches(&log, Some(&ours)).await;
    let report = verifier(&log).trusting(trusting_writer(&ours)).run(|_| ()).await.unwrap();
    assert!(report.is_intact() && report.signed_batches == 3, "{:?}", report.breaks);

    let stranger = samples::batch(&mut Freezer::new(), 1);
    log.land(&stranger).await;
    let (stream_id, batch_no) = (stranger.header().stream_id, 0);
    let report = verifier(&log).trusting(trusting_writer(&ours)).run(|_| ()).await.unwrap();
    assert_eq!(report.breaks, [Break::Unsigned { stream_id, batch_no }]);
    let later = format!("writer {} since=2999-01-01T00:00:00Z", ours.verifying_key()).parse().unwrap();
    assert!(verifier(&log).trusting(later).run(|_| ()).await.unwrap().is_intact(), "signatures were not asked for yet");

    let report = verifier(&log).trusting(trusting_writer(&another)).run(|_| ()).await.unwrap();
    assert_eq!(report.breaks.len(), 4);
    assert!(
        report
            .breaks
            .iter()
            .any(|found| matches!(found, Break::UntrustedKey { key_id, .. } if *key_id == ours.verifying_key().id()))
    );
    let until = format!("writer {} until=2020-01-01T00:00:00Z", ours.verifying_key()).parse().unwrap();
    let report = verifier(&log).trusting(until).run(|_| ()).await.unwrap();
    assert!(matches!(report.breaks[..], [Break::UntrustedKey { .. }, ..]), "{:?}", report.breaks);

    let signature = bytes(&log, &"07".repeat(64));
    both(&log, &format!("UPDATE audit_batches SET sig = {signature} WHERE {}", of(&log, &signed[2]))).await;
    let report = verifier(&log).trusting(trusting_writer(&ours)).run(|_| ()).await.unwrap();
    assert!(
        report.breaks.iter().any(|found| matches!(found, Break::BadSignature { batch_no: 0, .. })),
        "{:?}",
        report.breaks
    );
}

fn old_entry(age: Duration) -> Entry {
    Entry::builder(ActionName::unlisted("door.opened").unwrap()).created_at(SystemTime::now() - age).build()
}

async fn an_entry_cannot_be_dated_back(log: Log) {
    let old = old_entry(Duration::from_mins(10));
    // Frozen as of its own time, and then given a header of now, as who writes with the tables' privileges would do it.
    let then = Freezer::new().freeze(vec![old.clone()], SystemTime::now() - Duration::from_mins(10));
    log.land(&then).await;
    assert!(look(&log).await.is_intact(), "it was frozen then: that the database took it late is told, and no break");
    assert_eq!(look(&log).await.late_batches, 1);
    both(&log, "UPDATE audit_batches SET writer_time = db_time").await;
    let report = look(&log).await;
    let row = &then.rows()[0].row;
    assert!(matches!(report.breaks[..], [Break::Backdated { id, .. }] if id == row.id), "{:?}", report.breaks);
}

async fn an_entry_that_waited_is_not_taken_for_one_dated_back(log: Log) {
    let batch =
        Freezer::new().freeze(vec![old_entry(Duration::from_mins(10)), old_entry(Duration::ZERO)], SystemTime::now());
    log.land(&batch).await;
    assert!(look(&log).await.is_intact());
    let marks: Vec<_> = batch.rows().iter().map(|row| row.metadata.contains(r#""late":true"#)).collect();
    assert_eq!(marks, [true, false]);
}

async fn a_part_of_the_log_can_be_looked_at(log: Log) {
    let hours_ago = |hours: u64| SystemTime::now() - Duration::from_secs(3600 * hours);
    let entry =
        |hours| Entry::builder(ActionName::unlisted("door.opened").unwrap()).created_at(hours_ago(hours)).build();
    let mut freezer = Freezer::new();
    let old = freezer.freeze(vec![entry(48), entry(47)], hours_ago(47));
    let straddling = freezer.freeze(vec![entry(40), entry(3)], hours_ago(3));
    let other = Freezer::new().freeze(vec![entry(41), entry(1)], hours_ago(1));
    for batch in [&old, &straddling, &other] {
        log.land(batch).await;
    }
    let since = chrono::DateTime::from(hours_ago(10));
    let report = verifier(&log).since(since).run(|_| ()).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.entries, report.promised, report.batches), (4, 4, 3));
    let report = verifier(&log).stream(old.header().stream_id).run(|_| ()).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.entries, report.promised, report.batches), (4, 4, 3));
    let report = verifier(&log).stream(old.header().stream_id).since(since).run(|_| ()).await.unwrap();
    assert_eq!((report.entries, report.promised), (2, 2));

    both(&log, &format!("UPDATE audit_logs SET actor_id = 'edited' WHERE {}", rows_of(&log, &straddling))).await;
    assert_eq!(verifier(&log).since(since).run(|_| ()).await.unwrap().breaks.len(), 1);
    assert_eq!(verifier(&log).stream(old.header().stream_id).run(|_| ()).await.unwrap().breaks.len(), 1);
    assert!(verifier(&log).stream(other.header().stream_id).run(|_| ()).await.unwrap().is_intact());
}

async fn checkpoints_are_kept_outside_too(log: Log) {
    let (key, outside) = (key("log"), tempfile::tempdir().unwrap());
    let batches = with_batches(&log, None).await;
    let mut sealer = Sealer::new(&log.url, &Schema::default()).unwrap().signer(key.clone()).directory(outside.path());
    sealer.once().await.unwrap();
    let read =
        |kind: &str| std::fs::read_to_string(outside.path().join(format!("00000000000000000003.{kind}"))).unwrap();
    let kept: SavedCheckpoint = read("checkpoint").parse().unwrap();
    assert_eq!(kept.checkpoint().size, 3);
    assert!(verifier(&log).trusting(trusting(&key)).against(kept).run(|_| ()).await.unwrap().is_intact());
    let heads = read("heads");
    assert_eq!(heads.lines().count(), 3);
    for batch in batches {
        assert!(heads.contains(&format!("{} {}", batch.header().stream_id, batch.header().batch_no)));
    }
}

async fn an_entry_can_be_proved_without_the_log(log: Log) {
    let (ours, billing) = (key("log"), key("billing"));
    let batches = with_batches(&log, Some(&billing)).await;
    log.seal(Some(&ours)).await;
    let keys: TrustedKeys =
        format!("log {}\nwriter {}", ours.verifying_key(), billing.verifying_key()).parse().unwrap();
    for row in batches.iter().flat_map(Batch::rows) {
        let proof = prove(&log.url, &Schema::default(), row.row.id).await.unwrap();
        let text = serde_json::to_string(&proof).unwrap();
        let proof: Proof = serde_json::from_str(&text).unwrap();
        let proved = proof.check(&keys).unwrap();
        assert_eq!((proved.id, proved.checkpoint.size), (row.row.id, 3));
        assert_eq!(proved.writer, Some(billing.verifying_key().id()));
    }
    let row = &batches[0].rows()[1].row;
    let proof = serde_json::to_value(prove(&log.url, &Schema::default(), row.id).await.unwrap()).unwrap();
    let check = |proof: &Value, keys: &TrustedKeys| serde_json::from_value::<Proof>(proof.clone()).unwrap().check(keys);
    assert!(check(&proof, &keys).is_ok());
    assert!(matches!(check(&proof, &trusting(&key("log"))), Err(ProofError::Untrusted { .. })));
    assert!(matches!(check(&proof, &TrustedKeys::default()), Err(ProofError::Untrusted { .. })));
    let stranger = format!("log {}\nwriter {}", ours.verifying_key(), key("billing").verifying_key()).parse().unwrap();
    assert_eq!(check(&proof, &stranger), Err(ProofError::Unsigned));

    // Whatever is changed of it, it proves nothing any more.
    let mut places = Vec::new();
    leaves(&proof, String::new(), &mut places);
    assert!(places.len() > 20, "{places:?}");
    for place in places.iter().filter(|place| !place.starts_with("/checkpoint")) {
        let mut changed = proof.clone();
        let value = changed.pointer_mut(place).unwrap();
        *value = match value.clone() {
            Value::String(text) if text.contains(':') => json!("2020-02-02T02:02:02Z"),
            Value::String(text) if text.len() == 36 => json!("0192a3b4-c5d6-7e8f-90a1-b2c3d4e5f607"),
            Value::String(text) => json!(flipped(&text)),
            Value::Number(number) => json!(number.as_i64().unwrap() + 1),
            Value::Bool(is_so) => json!(!is_so),
            Value::Null => continue,
            Value::Array(_) | Value::Object(_) => unreachable!("{place} holds others"),
        };
        let checked = serde_json::from_value::<Proof>(changed).map(|proof| proof.check(&keys));
        assert!(!matches!(checked, Ok(Ok(_))), "{place} was changed");
    }
}

/// Pointers to everything in a document that holds nothing else.
fn leaves(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| leaves(value, format!("{place}/{key}"), places)),
        Value::Array(values) => (0..).zip(values).for_each(|(n, value)| leaves(value, format!("{place}/{n}"), places)),
        _ => places.push(place),
    }
}

/// A text with another last letter.
fn flipped(text: &str) -> String {
    let mut text = text.to_owned();
    let last = text.pop();
    text.push(if last == Some('a') { 'b' } else { 'a' });
    text
}

async fn there_is_no_proof_of_what_is_not_there_or_not_covered(log: Log) {
    let batches = with_batches(&log, None).await;
    let id = batches[0].rows()[0].row.id;
    let error = prove(&log.url, &Schema::default(), id).await.unwrap_err();
    assert!(matches!(error, ProveError::NotCovered { leaf: None, .. }), "{error}");
    log.seal(None).await;
    let error = prove(&log.url, &Schema::default(), id).await.unwrap_err();
    assert!(matches!(error, ProveError::NotCovered { leaf: Some(_), .. }), "{error}");
    log.seal(Some(&key("log"))).await;
    prove(&log.url, &Schema::default(), id).await.unwrap();
    let later = samples::batch(&mut Freezer::new(), 1);
    log.land(&later).await;
    let error = prove(&log.url, &Schema::default(), later.rows()[0].row.id).await.unwrap_err();
    assert!(matches!(error, ProveError::NotCovered { .. }), "{error}");
    let error = prove(&log.url, &Schema::default(), Uuid::nil()).await.unwrap_err();
    assert!(matches!(error, ProveError::NoEntry { .. }), "{error}");
    // What was changed is told as that, sealed or not.
    let change = "UPDATE audit_logs SET outcome = 'denied'";
    log.tamper(change, change).await;
    for id in [id, later.rows()[0].row.id] {
        let error = prove(&log.url, &Schema::default(), id).await.unwrap_err();
        assert!(matches!(error, ProveError::Broken { what: "rows of its batch were changed", .. }), "{error}");
    }
}

async fn the_doctor_tells_what_is_not_sealed_or_not_signed(log: Log) {
    async fn sealing(log: &Log) -> (Level, String) {
        let findings = examine(&log.url, &Options::new()).await;
        let finding = findings.into_iter().find(|finding| finding.check == "sealing").unwrap();
        (finding.level, format!("{} {}", finding.message, finding.advice.unwrap_or_default()))
    }
    let minutes_ago = "db_time - interval '2 minutes'";
    let age = format!("UPDATE audit_batches SET db_time = {minutes_ago}");
    let age_in_sqlite = "UPDATE audit_batches SET db_time = db_time - 120000000";

    assert_eq!(sealing(&log).await.0, Level::Green, "nothing waits");
    with_batches(&log, None).await;
    assert_eq!(sealing(&log).await.0, Level::Green, "a batch of this moment may wait");
    log.tamper(&age, age_in_sqlite).await;
    let (level, text) = sealing(&log).await;
    assert!(level == Level::Yellow && text.contains("not in the tree: 3") && text.contains("`audit seal`"), "{text}");
    log.seal(None).await;
    let (level, text) = sealing(&log).await;
    assert!(level == Level::Green && text.contains("no checkpoint was ever signed"), "{text}");
    log.seal(Some(&key("log"))).await;
    let (level, text) = sealing(&log).await;
    assert!(level == Level::Green && text.contains("covers 3 batches"), "{text}");
    with_batches(&log, None).await;
    log.tamper(&age, age_in_sqlite).await;
    log.seal(None).await;
    let (level, text) = sealing(&log).await;
    assert!(level == Level::Yellow && text.contains("covers 3 batches, and the next one has waited"), "{text}");
}

async fn a_leaf_cannot_hide_where_only_one_reading_finds_it(log: Log) {
    let key = key("log");
    let batches = with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    // The header and its rows go, and the leaf stays, under a name that no header has.
    let last = &batches[2];
    let nil = if log.is_postgres() { format!("'{}'", Uuid::nil()) } else { "zeroblob(16)".to_owned() };
    let hide = format!(
        "UPDATE audit_tree SET stream_id = {nil}, batch_no = -1 WHERE {}; DELETE FROM audit_batches WHERE {}; DELETE FROM audit_logs WHERE {}",
        of(&log, last),
        of(&log, last),
        rows_of(&log, last)
    );
    both(&log, &hide).await;
    let report = verifier(&log).trusting(trusting(&key)).run(|_| ()).await.unwrap();
    assert!(!report.is_intact());
}

async fn a_header_cannot_hide_where_only_one_reading_finds_it(log: Log) {
    let (ours, theirs) = (key("billing"), Freezer::new());
    with_batches(&log, Some(&ours)).await;
    let mut theirs = theirs;
    let forged = samples::batch(&mut theirs, 2);
    log.land(&forged).await;
    // The unsigned header goes where a reading by stream might begin behind it.
    let checks = "ALTER TABLE audit_batches DROP CONSTRAINT audit_batches_counts;";
    let (nil, free) =
        if log.is_postgres() { (format!("'{}'", Uuid::nil()), checks) } else { ("zeroblob(16)".to_owned(), "") };
    let hide = format!(
        "{free} UPDATE audit_batches SET stream_id = {nil}, batch_no = -1 WHERE {}; UPDATE audit_logs SET stream_id = {nil} WHERE {}",
        of(&log, &forged),
        rows_of(&log, &forged)
    );
    both(&log, &hide).await;
    let report = verifier(&log).trusting(trusting_writer(&ours)).run(|_| ()).await.unwrap();
    assert!(!report.is_intact());
    if !log.is_postgres() {
        return;
    }
    // A policy that shows the header to one reading alone.
    let policy = "ALTER TABLE control_plane.audit_batches ENABLE ROW LEVEL SECURITY; \
                  CREATE POLICY two_faced ON control_plane.audit_batches \
                  USING (batch_no >= 0 OR current_query() LIKE '%in_time%')";
    log.attack(policy).await.unwrap();
    let reader = log.database().unwrap().url_as("audit_reader").await;
    let schema = Schema::default();
    let looked = Verifier::new(&reader, &schema).trusting(trusting_writer(&ours)).run(|_| ()).await;
    assert!(looked.is_err(), "what a policy hides cannot be checked: {looked:?}");
}

async fn a_header_cannot_be_kept_from_the_tree(log: Log) {
    let kept_out = with_batches(&log, None).await;
    let hours_ago = if log.is_postgres() { "db_time - interval '2 hours'" } else { "db_time - 7200000000" };
    let earlier = if log.is_postgres() { "recorded_at - interval '2 hours'" } else { "recorded_at - 7200000000" };
    // They came two hours ago, and sealers never saw them.
    let forget =
        format!("UPDATE audit_batches SET db_time = {hours_ago}; UPDATE audit_logs SET recorded_at = {earlier}");
    both(&log, &forget).await;
    assert!(look(&log).await.is_intact(), "as long as nobody seals");
    let mut freezer = Freezer::new();
    let sealed = samples::batch(&mut freezer, 1);
    log.land(&sealed).await;
    let hash = audit_core::encoding::tree_leaf(sealed.header(), db_time(&log, &sealed).await);
    let hash = hash.map(|byte| format!("{byte:02x}")).concat();
    let stream = sealed.header().stream_id.simple();
    let stream = if log.is_postgres() { format!("'{stream}'") } else { format!("x'{stream}'") };
    let leaf = format!(
        "INSERT INTO audit_tree (leaf, stream_id, batch_no, leaf_hash) VALUES (0, {stream}, 0, {})",
        bytes(&log, &hash)
    );
    both(&log, &leaf).await;
    let breaks = look(&log).await.breaks;
    let first = kept_out.iter().map(|batch| (batch.header().stream_id, batch.header().batch_no)).collect::<Vec<_>>();
    assert!(
        matches!(breaks[..], [Break::NeverSealed { stream_id, batch_no, .. }] if first.contains(&(stream_id, batch_no))),
        "{breaks:?}"
    );
}

/// When the database took a batch.
async fn db_time(log: &Log, batch: &Batch) -> chrono::DateTime<chrono::Utc> {
    let query = audit_core::query::Query::new();
    let page = log.reader().await.page(&query).await.unwrap();
    let row = page.rows.into_iter().find(|row| row.stream_id == batch.header().stream_id).unwrap();
    row.recorded_at.unwrap()
}

async fn a_tree_is_not_signed_that_contradicts_what_was_kept_outside(log: Log) {
    let (key, outside) = (key("log"), tempfile::tempdir().unwrap());
    let sealer = || Sealer::new(&log.url, &Schema::default()).unwrap().signer(key.clone()).directory(outside.path());
    with_batches(&log, None).await;
    sealer().once().await.unwrap();
    // Another sealer goes on where this one ended.
    with_batches(&log, None).await;
    assert_eq!(sealer().once().await.unwrap().size, 6);
    both(
        &log,
        "DELETE FROM audit_logs; DELETE FROM audit_batches; DELETE FROM audit_tree; DELETE FROM audit_checkpoints",
    )
    .await;
    with_batches(&log, None).await;
    let error = sealer().once().await.unwrap_err();
    assert!(matches!(error, SealerError::Contradiction { size: 6, .. }), "{error}");
    with_batches(&log, None).await;
    let error = sealer().once().await.unwrap_err();
    assert!(matches!(error, SealerError::Contradiction { size: 6, .. }), "{error}");
    assert_eq!(look(&log).await.checkpoints, 0);
}
