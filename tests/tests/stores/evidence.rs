//! What is found with the tree, its checkpoints and signatures, and what is no break.

use std::time::{Duration, SystemTime};

use audit_core::ActionName;
use audit_core::Entry;
use audit_core::batch::{Batch, Freezer};
use audit_core::seal::Checkpoint;
use audit_core::signing::{Note, Signer as _, SigningKey};
use audit_core::store::Schema;
use audit_core::verify::{Break, SavedCheckpoint, Verifier};
use tests::samples;
use uuid::Uuid;

use crate::log::{Log, for_both_stores};
use crate::sealed::{
    both, bytes, key, look, of, old_entry, rows_of, trusting, trusting_writer, verifier, with_batches,
};

for_both_stores! {
    the_end_of_the_log_cannot_be_cut_off
    a_stream_cannot_be_removed
    what_is_sealed_of_a_header_cannot_be_changed
    the_tree_cannot_be_changed
    what_stands_beside_a_checkpoint_cannot_be_changed
    an_older_copy_of_the_log_is_found
    nothing_can_be_put_under_a_stream_without_an_id
    a_checkpoint_cannot_be_forged
    a_log_written_anew_without_the_key_is_found
    a_log_written_anew_with_the_key_contradicts_what_was_kept
    what_nobody_trusted_has_signed_is_found
    an_entry_cannot_be_dated_back
    an_entry_that_waited_is_not_taken_for_one_dated_back
    a_part_of_the_log_can_be_looked_at
    a_leaf_cannot_hide_where_only_one_reading_finds_it
    a_header_cannot_hide_where_only_one_reading_finds_it
    a_header_cannot_be_kept_from_the_tree
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

async fn what_stands_beside_a_checkpoint_cannot_be_changed(log: Log) {
    with_batches(&log, None).await;
    log.seal(Some(&key("log"))).await;
    both(&log, "CREATE TABLE kept AS SELECT * FROM audit_checkpoints").await;
    let other = bytes(&log, &"ab".repeat(64));
    for (change, expected) in [
        (format!("frontier = {other}"), Break::AlteredCheckpoint { size: 3 }),
        ("frontier = NULL".to_owned(), Break::AlteredCheckpoint { size: 3 }),
        (format!("root_hash = {}", bytes(&log, &"ab".repeat(32))), Break::ForgedCheckpoint { size: 3 }),
        ("size = 2".to_owned(), Break::ForgedCheckpoint { size: 2 }),
    ] {
        both(&log, &format!("UPDATE audit_checkpoints SET {change}")).await;
        assert_eq!(look(&log).await.breaks, [expected], "{change}");
        both(&log, "DELETE FROM audit_checkpoints; INSERT INTO audit_checkpoints SELECT * FROM kept").await;
        assert!(look(&log).await.is_intact());
    }
}

/// A dump of last week, say, whose hashes and signatures are all right.
async fn an_older_copy_of_the_log_is_found(log: Log) {
    const TABLES: [&str; 4] = ["audit_logs", "audit_batches", "audit_tree", "audit_checkpoints"];
    let key = key("log");
    let mut freezer = Freezer::new();
    log.land(&samples::batch(&mut freezer, 2)).await;
    log.seal(Some(&key)).await;
    both(&log, &TABLES.map(|table| format!("CREATE TABLE kept_{table} AS SELECT * FROM {table};")).concat()).await;
    with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    let head = |report: audit_core::verify::Report| report.head.parse::<SavedCheckpoint>().unwrap();
    let saved = head(verifier(&log).trusting(trusting(&key)).run(|_| ()).await.unwrap());

    let restore = TABLES.map(|table| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table};"));
    both(&log, &restore.concat()).await;
    let look = async || {
        let report = verifier(&log).trusting(trusting(&key)).against(saved.clone()).run(|_| ()).await.unwrap();
        report.breaks
    };
    assert!(verifier(&log).trusting(trusting(&key)).run(|_| ()).await.unwrap().is_intact(), "but for what was kept");
    let breaks = look().await;
    assert_eq!(breaks, [Break::Truncated { size: 4, leaves: 1 }]);
    assert!(breaks[0].to_string().contains("an older copy put in its place"), "{}", breaks[0]);
    // Once it has grown again, it is another tree.
    with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    assert_eq!(look().await, [Break::OtherTree { size: 4, is_saved: true }]);
}

/// It would stand before the first page that is read by stream.
async fn nothing_can_be_put_under_a_stream_without_an_id(log: Log) {
    with_batches(&log, None).await;
    log.seal(None).await;
    let nowhere = if log.is_postgres() { "'00000000-0000-0000-0000-000000000000'" } else { "x''" };
    let zeros = bytes(&log, &"00".repeat(32));
    for (table, insert) in [
        ("audit_batches", "SELECT * FROM audit_batches WHERE batch_no = 1".to_owned()),
        ("audit_tree", "SELECT * FROM audit_tree WHERE batch_no = 1".to_owned()),
        (
            "audit_pruned_leaves",
            format!(
                "SELECT stream_id, batch_no, 0 AS pruning_no, 0 AS idx, {zeros} AS leaf_hash FROM audit_tree WHERE batch_no = 1"
            ),
        ),
    ] {
        let moved = if table == "audit_tree" { ", leaf = 99" } else { "" };
        let forge = format!(
            "CREATE TABLE forged AS {insert}; UPDATE forged SET stream_id = {nowhere}{moved};
             INSERT INTO {table} SELECT * FROM forged; DROP TABLE forged"
        );
        both(&log, &forge).await;
        assert!(!look(&log).await.is_intact(), "{table}");
        both(&log, &format!("DELETE FROM {table} WHERE stream_id = {nowhere}")).await;
        assert!(look(&log).await.is_intact());
    }
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
    // What waited in an outbox or in another log is as old as it is.
    for kind in ["outbox", "import"] {
        both(&log, &format!("UPDATE audit_batches SET kind = '{kind}'")).await;
        assert!(look(&log).await.is_intact(), "{kind}");
    }
}

async fn an_entry_that_waited_is_not_taken_for_one_dated_back(log: Log) {
    let batch =
        Freezer::new().freeze(vec![old_entry(Duration::from_mins(10)), old_entry(Duration::ZERO)], SystemTime::now());
    log.land(&batch).await;
    assert!(look(&log).await.is_intact());
    let marks: Vec<_> = batch.rows().iter().map(|row| row.metadata().contains(r#""late":true"#)).collect();
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
    let checks = "ALTER TABLE audit_batches DROP CONSTRAINT audit_batches_values;";
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

/// Sealers that begin again after hours have sealed one stream to its end before they come to the next.
#[tokio::test]
async fn a_backlog_that_is_being_sealed_is_no_break() {
    let log = Log::postgres().await;
    with_batches(&log, None).await;
    let earlier = "UPDATE audit_batches SET db_time = db_time - interval '3 hours';
         UPDATE audit_logs SET recorded_at = recorded_at - interval '3 hours'";
    log.tamper(earlier, "").await;
    log.seal(Some(&key("log"))).await;
    log.land(&samples::batch(&mut Freezer::new(), 1)).await;
    log.land(&samples::batch(&mut Freezer::new(), 1)).await;
    let database = log.database().unwrap();
    database.execute("SELECT control_plane.audit_seal('0', 1)").await;
    let hours_ago = "CREATE TABLE waiting AS SELECT * FROM audit_batches b
                      WHERE NOT EXISTS (SELECT FROM audit_tree t WHERE (t.stream_id, t.batch_no) = (b.stream_id, b.batch_no));
         UPDATE audit_batches b SET db_time = b.db_time - interval '2 hours' FROM waiting w WHERE b.stream_id = w.stream_id;
         UPDATE audit_logs l SET recorded_at = recorded_at - interval '2 hours' FROM waiting w WHERE l.stream_id = w.stream_id";
    log.tamper(hours_ago, "").await;
    let report = look(&log).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.sealed_batches, report.unsealed_batches), (4, 1));
    // A checkpoint is signed once nothing waits.
    log.tamper("UPDATE audit_checkpoints SET size = 4", "").await;
    let breaks = look(&log).await.breaks;
    assert!(breaks.iter().any(|found| matches!(found, Break::NeverSealed { .. })), "{breaks:?}");
}

/// When the database took a batch.
async fn db_time(log: &Log, batch: &Batch) -> chrono::DateTime<chrono::Utc> {
    let query = audit_core::query::Query::new();
    let page = log.reader().await.page(&query).await.unwrap();
    let row = page.rows.into_iter().find(|row| row.stream_id == batch.header().stream_id).unwrap();
    row.recorded_at.unwrap()
}
