//! Sealers: every header becomes one leaf, and the tree is signed.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use audit_core::batch::Freezer;
use audit_core::doctor::{Level, examine};
use audit_core::migrate::Options;
use audit_core::seal::{Checkpoint, Sealer, SealerError};
use audit_core::signing::{Note, Signer as _, SigningKey};
use audit_core::store::Schema;
use audit_core::verify::{Break, SavedCheckpoint};
use audit_core::{Auditor, Migrate};
use sqlx::{Connection as _, PgConnection};
use tests::lines::Lines;
use tests::samples;

use crate::log::{Log, for_both_stores};
use crate::sealed::{both, bytes, key, look, old_entry, trusting, verifier, with_batches};

for_both_stores! {
    a_sealed_log_is_intact_and_covered
    sealing_again_adds_what_is_new_and_no_more
    what_is_behind_a_gap_waits_until_it_closes
    another_key_goes_on_where_the_first_one_ended
    a_sealer_signs_no_tree_that_contradicts_a_checkpoint
    what_a_sealer_put_down_beside_a_checkpoint_is_not_believed_unchecked
    checkpoints_are_kept_outside_too
    checkpoints_are_told_to_tracing
    the_doctor_tells_what_is_not_sealed_or_not_signed
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
    let earlier = format!("ALTER TABLE audit_batches DROP CONSTRAINT audit_batches_values; {forged}");
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
    assert_eq!(report.breaks, [Break::AlteredCheckpoint { size: 3 }], "the next one is right");
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

/// What is told here, by all tests of this program: a subscriber of one thread alone would be unknown to what another
/// thread reaches first.
fn lines() -> &'static Lines {
    static LINES: LazyLock<Lines> = LazyLock::new(|| {
        let lines = Lines::default();
        tracing_subscriber::fmt()
            .with_env_filter("audit_core::seal=info")
            .with_ansi(false)
            .with_writer(lines.clone())
            .init();
        lines
    });
    &LINES
}

/// Where whoever collects a service's lines keeps them, they are a memory outside of the database.
async fn checkpoints_are_told_to_tracing(log: Log) {
    let (lines, key) = (lines(), key("log"));
    with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    log.seal(Some(&key)).await;
    let head = look(&log).await.head;
    assert!(head.parse::<Note>().unwrap().is_signed_by(key.verifying_key()));
    let told = lines.text();
    let told: Vec<_> = told.lines().filter(|line| line.contains(&format!("note={head:?}"))).collect();
    let [line] = told[..] else { panic!("nothing was new to sign the second time: {told:#?}") };
    assert!(line.contains("INFO") && line.ends_with(&format!("audit checkpoint size=3 note={head:?}")), "{line}");
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

async fn a_tree_is_not_signed_that_contradicts_what_was_kept_outside(log: Log) {
    let (key, outside) = (key("log"), tempfile::tempdir().unwrap());
    let sealer = || Sealer::new(&log.url, &Schema::default()).unwrap().signer(key.clone()).directory(outside.path());
    with_batches(&log, None).await;
    sealer().once().await.unwrap();
    // Another sealer goes on where this one ended, whatever somebody without the key put there.
    let forged = Checkpoint { origin: "log".to_owned(), size: 9, root: [7; 32] };
    let forged = Note::sign(forged.to_string(), &self::key("log")).unwrap().to_string();
    std::fs::write(outside.path().join("00000000000000000009.checkpoint"), forged).unwrap();
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
