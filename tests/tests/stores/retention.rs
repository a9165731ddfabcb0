//! What goes when it is old enough, what stays, and what is seen of it afterwards.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use audit_core::batch::{Batch, Freezer};
use audit_core::dead_letters::{DeadLetters, Retried};
use audit_core::holds::{Hold, Holds};
use audit_core::query::by_action;
use audit_core::retention::{PartitionInterval, Pruning, Retention, RetentionError, Stays};
use audit_core::seal::Seal;
use audit_core::signing::{Signer as _, SigningKey, TrustedKeys};
use audit_core::store::Schema;
use audit_core::verify::{Break, Report, Verifier, prove};
use audit_core::{Auditor, Migrate, Outcome, encoding};
use chrono::TimeDelta;
use tests::postgres::execute_at;
use tests::samples;

use crate::log::{Log, for_both_stores};

const DAY: Duration = Duration::from_hours(24);
/// Longer than this ago, rows go. Weeks make this thirteen partitions.
pub(crate) const KEEP: TimeDelta = TimeDelta::days(90);
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::default);

for_both_stores! {
    what_is_old_goes_and_the_log_stays_intact_and_says_so
    an_entry_before_and_one_after_tell_of_each_pruning
    what_is_young_or_not_sealed_stays
    what_is_under_legal_hold_stays_until_it_is_released
    a_lost_header_keeps_a_damaged_stream_from_holding_rows_for_ever
    rows_that_come_late_go_the_next_time
    a_dead_letter_outlives_the_rows_of_its_batch_and_comes_back
    what_stays_of_a_batch_can_still_be_proved
    rows_that_no_pruning_covers_are_missed
    a_pruning_that_no_trusted_key_signed_is_found
    a_pruning_of_another_tree_is_found
    a_row_that_came_after_a_pruning_is_missed
    a_record_of_a_pruning_cannot_be_changed
    leaves_that_were_kept_cannot_be_changed_and_excuse_nothing_else
    a_signed_log_is_pruned_with_its_own_key_alone
    records_are_append_only
}

pub(crate) struct Scene {
    pub(crate) log: Log,
    pub(crate) key: SigningKey,
    pub(crate) batches: Vec<Batch>,
}

impl Scene {
    /// A batch that is old; one with rows that are old, in the middle, and young; one that is young. All sealed and signed.
    pub(crate) async fn new(log: Log) -> Self {
        let mut freezer = Freezer::new();
        let batches = vec![
            batch(&mut freezer, &[100, 100, 100]),
            batch(&mut freezer, &[100, 100, 60, 0]),
            batch(&mut freezer, &[0, 0]),
        ];
        for batch in &batches {
            log.land(batch).await;
        }
        let key = SigningKey::generate("log.example.org").unwrap();
        log.seal(Some(&key)).await;
        Self { log, key, batches }
    }

    pub(crate) fn retention(&self) -> Retention<'_> {
        Retention::new(&self.log.url, &SCHEMA, KEEP).signer(self.key.clone())
    }

    async fn prune(&self) -> Vec<Pruning> {
        apply(&self.log, &self.retention()).await.unwrap()
    }

    pub(crate) async fn look(&self) -> Report {
        look(&self.log, Some(&self.key)).await
    }

    /// Of a batch, as SQL names it.
    pub(crate) fn of(&self, batch: usize) -> String {
        let stream = self.batches[batch].header().stream_id.simple();
        if self.log.is_postgres() { format!("stream_id = '{stream}'") } else { format!("stream_id = x'{stream}'") }
    }
}

/// Entries of so many days ago, now.
pub(crate) fn batch(freezer: &mut Freezer, days: &[u32]) -> Batch {
    let now = SystemTime::now();
    freezer.freeze(days.iter().map(|ago| samples::entry_at(now - *ago * DAY)).collect(), now)
}

async fn look(log: &Log, key: Option<&SigningKey>) -> Report {
    let keys = key.map(|key| format!("log {}", key.verifying_key()).parse::<TrustedKeys>().unwrap());
    Verifier::new(&log.url, &SCHEMA).trusting(keys.unwrap_or_default()).run(|_| ()).await.unwrap()
}

pub(crate) async fn apply(log: &Log, retention: &Retention<'_>) -> Result<Vec<Pruning>, RetentionError> {
    let writer = Auditor::builder().url(&log.url).migrate(Migrate::Skip).seal(Seal::Leave).start().await.unwrap();
    let applied = retention.apply(writer.auditor(), |_| ()).await;
    writer.shutdown(Duration::from_secs(10)).await;
    applied
}

pub(crate) fn rows(prunings: &[Pruning]) -> u64 {
    prunings.iter().map(|pruning| pruning.rows).sum()
}

pub(crate) async fn both(log: &Log, sql: &str) {
    log.tamper(sql, sql).await;
}

async fn what_is_old_goes_and_the_log_stays_intact_and_says_so(log: Log) {
    let scene = Scene::new(log).await;
    let status = scene.retention().status().await.unwrap();
    let going: Vec<_> = status.iter().filter(|partition| partition.stays.is_none()).collect();
    assert_eq!(going.iter().map(|partition| partition.rows).sum::<u64>(), 5, "{status:?}");

    let prunings = scene.prune().await;
    assert_eq!(rows(&prunings), 5);
    let report = scene.look().await;
    assert!(report.is_intact(), "{:?}", report.breaks);
    // Four that stay, and two that tell of the pruning.
    assert_eq!((report.entries, report.pruned(), report.pruned_batches), (6, 5, 1));
    assert_eq!(report.prunings, prunings);
    let [pruning] = &prunings[..] else { panic!("{prunings:?}") };
    let old = scene.batches[0].header();
    assert!(pruning.lower_bound <= old.first_created && old.last_created < pruning.upper_bound);
    assert_eq!((pruning.no, pruning.kept_leaves, pruning.tree_size), (0, 2, 3));
    assert_eq!(pruning.signed_by.as_deref(), Some("log.example.org"));

    // A part of the log, which begins within what went.
    for age in [120, 99, 1] {
        let verifier = Verifier::new(&scene.log.url, &SCHEMA).since(chrono::Utc::now() - TimeDelta::days(age));
        let report = verifier.run(|_| ()).await.unwrap();
        assert!(report.is_intact(), "{age} days: {:?}", report.breaks);
    }

    assert_eq!(scene.prune().await, [], "nothing is left to go");
    assert!(scene.look().await.is_intact());
}

async fn an_entry_before_and_one_after_tell_of_each_pruning(log: Log) {
    let scene = Scene::new(log).await;
    scene.prune().await;
    let reader = scene.log.reader().await;
    let page = reader.page(&by_action("audit.pruned")).await.unwrap();
    let [ended, announced] = &page.rows[..] else { panic!("{:?}", page.rows) };
    assert_eq!((announced.outcome, ended.outcome), (Outcome::Attempted, Outcome::Success));
    assert_eq!(ended.attempt_id, Some(announced.id));
    let details = ended.metadata.as_map();
    assert_eq!((&details["rows"], &details["pruning"]), (&5.into(), &0.into()));
}

async fn what_is_young_or_not_sealed_stays(log: Log) {
    let mut freezer = Freezer::new();
    log.land(&batch(&mut freezer, &[100, 0])).await;
    let retention = Retention::new(&log.url, &SCHEMA, KEEP);
    let stays = async || -> Vec<_> {
        let status = retention.status().await.unwrap();
        status
            .iter()
            .filter(|partition| partition.rows > 0 || partition.stays != Some(Stays::Young))
            .map(|p| p.stays)
            .collect()
    };
    assert_eq!(stays().await[0], Some(Stays::Unsealed));
    assert_eq!(apply(&log, &retention).await.unwrap(), []);

    log.seal(None).await;
    assert_eq!(stays().await[0], None);
    // Rows of a batch that is not sealed beside those of one that is.
    log.land(&batch(&mut freezer, &[100])).await;
    assert_eq!(stays().await[0], Some(Stays::Unsealed));
    let status = retention.status().await.unwrap();
    assert!(status[1..].iter().all(|partition| partition.stays == Some(Stays::Young)), "{status:?}");
    // What lies partly within the limit stays whole.
    let age = chrono::Utc::now() - status[0].upper_bound;
    let longer = Retention::new(&log.url, &SCHEMA, age + TimeDelta::hours(1));
    assert_eq!(longer.status().await.unwrap()[0].stays, Some(Stays::Young));
}

async fn what_is_under_legal_hold_stays_until_it_is_released(log: Log) {
    let scene = Scene::new(log).await;
    let writer = Auditor::builder().url(&scene.log.url).migrate(Migrate::Skip).start().await.unwrap();
    let mut holds = Holds::connect(&scene.log.url, &SCHEMA).await.unwrap();
    let (old, day) = (scene.batches[0].header().first_created, TimeDelta::days(1));
    let hold = || Hold::new("case 7", "counsel");
    for (what, hold, is_held) in [
        ("its time", hold().since(old - day).until(old + day), true),
        ("another time", hold().since(old + TimeDelta::days(30)).until(old + TimeDelta::days(31)), false),
        ("its actor", hold().actor("user_123"), true),
        ("another actor", hold().actor("user_7"), false),
        ("its target", hold().target("door_7"), true),
        ("its actor at another time", hold().actor("user_123").since(old + TimeDelta::days(30)), false),
    ] {
        let id = hold.id;
        holds.add(hold, writer.auditor()).await.unwrap();
        let stays = scene.retention().status().await.unwrap()[0].stays;
        assert_eq!(stays, is_held.then_some(Stays::Held), "{what}");
        holds.release(id, "closed", "counsel", writer.auditor()).await.unwrap();
        assert_eq!(scene.retention().status().await.unwrap()[0].stays, None);
    }
    let last = hold().actor("user_123");
    let id = last.id;
    holds.add(last, writer.auditor()).await.unwrap();
    assert_eq!(scene.prune().await, []);
    holds.release(id, "closed", "counsel", writer.auditor()).await.unwrap();
    assert_eq!(rows(&scene.prune().await), 5);
    holds.close().await;
    writer.shutdown(Duration::from_secs(10)).await;
}

async fn a_lost_header_keeps_a_damaged_stream_from_holding_rows_for_ever(log: Log) {
    let mut freezer = Freezer::new();
    let [before, lost, behind] = [[100_u32], [100], [100]].map(|days| batch(&mut freezer, &days));
    log.land(&before).await;
    log.land(&behind).await;
    log.seal(None).await;
    let retention = Retention::new(&log.url, &SCHEMA, KEEP);
    assert_eq!(retention.status().await.unwrap()[0].stays, Some(Stays::Unsealed));
    both(&log, &lost_header(&log, &lost)).await;
    log.seal(None).await;
    assert_eq!(rows(&apply(&log, &retention).await.unwrap()), 2);
    let report = look(&log, None).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
}

/// What a writer lands in the place of a batch that a damaged journal lost.
fn lost_header(log: &Log, batch: &Batch) -> String {
    let header = batch.header();
    let bytes = |bytes: &[u8]| {
        let digits = bytes.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
        if log.is_postgres() { format!("decode('{digits}', 'hex')") } else { format!("x'{digits}'") }
    };
    let time = |time: chrono::DateTime<chrono::Utc>| {
        if log.is_postgres() { format!("'{}'", time.to_rfc3339()) } else { time.timestamp_micros().to_string() }
    };
    let (stream, no, first_seq) = (bytes(header.stream_id.as_bytes()), header.batch_no, header.first_seq);
    let stream = if log.is_postgres() { format!("'{}'", header.stream_id) } else { stream };
    format!(
        "INSERT INTO audit_batches (stream_id, batch_no, kind, first_seq, n, first_created, last_created, rows_root, prev_hash, writer_time)
         VALUES ({stream}, {no}, 'lost', {first_seq}, 1, {first}, {last}, {root}, {prev}, {last})",
        first = time(header.first_created),
        last = time(header.last_created),
        root = bytes(batch.header_hash()),
        prev = bytes(&header.prev_hash),
    )
}

async fn rows_that_come_late_go_the_next_time(log: Log) {
    let scene = Scene::new(log).await;
    scene.prune().await;
    let late = batch(&mut Freezer::new(), &[100, 100]);
    scene.log.land(&late).await;
    scene.log.seal(Some(&scene.key)).await;
    let report = scene.look().await;
    assert!(report.is_intact() && report.entries == 8, "{:?}", report.breaks);
    let again = scene.prune().await;
    assert_eq!((rows(&again), again[0].no), (2, 1));
    let report = scene.look().await;
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.prunings.len(), report.pruned()), (2, 7));
}

async fn a_dead_letter_outlives_the_rows_of_its_batch_and_comes_back(log: Log) {
    let refuse = "ALTER TABLE audit_logs ADD CONSTRAINT fussy CHECK (seq <> 1)";
    let on_sqlite =
        "CREATE TRIGGER fussy BEFORE INSERT ON audit_logs WHEN NEW.seq = 1 BEGIN SELECT RAISE(ABORT, 'fussy'); END";
    log.tamper(refuse, on_sqlite).await;
    let refused = batch(&mut Freezer::new(), &[100; 30]);
    let mut connection = log.store.connect().await.unwrap();
    connection.land(&refused).await.unwrap();
    connection.close().await;
    // In a file the trigger went with the guards.
    log.tamper("ALTER TABLE audit_logs DROP CONSTRAINT fussy", "SELECT 1").await;
    log.seal(None).await;
    let retention = Retention::new(&log.url, &SCHEMA, KEEP);
    let prunings = apply(&log, &retention).await.unwrap();
    assert_eq!((rows(&prunings), prunings[0].kept_leaves), (29, 29));
    let report = look(&log, None).await;
    assert!(report.is_intact() && report.dead_letters == 1, "{:?}", report.breaks);

    let mut letters = DeadLetters::connect(&log.url, &SCHEMA).await.unwrap();
    let letter = letters.list(None, 1).await.unwrap()[0].id;
    assert_eq!(letters.retry(letter).await.unwrap(), Retried::Stored);
    letters.close().await;
    let report = look(&log, None).await;
    assert!(report.is_intact() && report.dead_letters == 0, "{:?}", report.breaks);
    log.seal(None).await;
    assert_eq!(rows(&apply(&log, &retention).await.unwrap()), 1);
    let report = look(&log, None).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
}

async fn what_stays_of_a_batch_can_still_be_proved(log: Log) {
    let scene = Scene::new(log).await;
    let young = scene.batches[1].rows()[3].row.id;
    scene.prune().await;
    let proof = prove(&scene.log.url, &SCHEMA, young).await.unwrap();
    let keys = format!("log {}", scene.key.verifying_key()).parse().unwrap();
    assert_eq!(proof.check(&keys).unwrap().id, young);
}

async fn rows_that_no_pruning_covers_are_missed(log: Log) {
    let scene = Scene::new(log).await;
    let stream_id = scene.batches[0].header().stream_id;
    scene.prune().await;
    // A young row; then one that is put back into a batch that is gone.
    both(
        &scene.log,
        &format!(
            "CREATE TABLE kept AS SELECT * FROM audit_logs; DELETE FROM audit_logs WHERE seq = 7 AND {}",
            scene.of(0)
        ),
    )
    .await;
    let breaks = scene.look().await.breaks;
    assert!(matches!(breaks[..], [Break::MissingRows { batch_no: 2, rows: 1, first_seq: 7, .. }]), "{breaks:?}");
    let forge = format!(
        "INSERT INTO audit_logs SELECT * FROM kept WHERE seq = 7 AND {of}; DELETE FROM kept WHERE seq <> 7 OR NOT {of}; \
         UPDATE kept SET seq = 1, created_at = (SELECT first_created FROM audit_batches WHERE batch_no = 0 AND {of})",
        of = scene.of(0)
    );
    both(&scene.log, &forge).await;
    assert!(scene.look().await.is_intact());
    let mut connection = scene.log.store.connect().await.unwrap();
    connection.prepare((SystemTime::now() - 100 * DAY).into()).await.unwrap();
    connection.close().await;
    let id = if scene.log.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
    both(&scene.log, &format!("UPDATE kept SET id = {id}; INSERT INTO audit_logs SELECT * FROM kept")).await;
    let breaks = scene.look().await.breaks;
    let is_found = |found: &Break| matches!(found, Break::MissingRows { stream_id: of, batch_no: 0, rows: 2, .. } if *of == stream_id);
    assert!(breaks.iter().any(is_found), "{breaks:?}");
}

/// Rows are removed, and a record says that they were pruned.
async fn a_pruning_that_no_trusted_key_signed_is_found(log: Log) {
    let scene = Scene::new(log).await;
    let (epoch, now) = if scene.log.is_postgres() { ("'2000-01-01'", "now()") } else { ("0", "unixepoch() * 1000000") };
    let hash = |hexadecimal: &str| {
        if scene.log.is_postgres() { format!("decode('{hexadecimal}', 'hex')") } else { format!("x'{hexadecimal}'") }
    };
    let nothing = hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let forge = format!(
        "DELETE FROM audit_logs WHERE seq IN (7, 8) AND {}; \
         INSERT INTO audit_prunings (no, lower_bound, upper_bound, n, leaves, leaves_root, tree_size, root_hash, pruned_at, pruned_by) \
         SELECT 0, {epoch}, {now}, 2, 0, {nothing}, size, root_hash, {now}, 'nobody' FROM audit_checkpoints",
        scene.of(0)
    );
    both(&scene.log, &forge).await;
    let breaks = scene.look().await.breaks;
    assert!(matches!(breaks[..], [Break::ForgedPruning { no: 0, .. }, Break::MissingRows { .. }]), "{breaks:?}");

    // Signed by another key of the log's name.
    both(&scene.log, "DELETE FROM audit_prunings").await;
    scene.prune().await;
    let other = SigningKey::generate("log.example.org").unwrap();
    let report = look(&scene.log, Some(&other)).await;
    let is_forged = |found: &Break| matches!(found, Break::ForgedPruning { no: 0, .. });
    assert!(report.breaks.iter().any(is_forged), "{:?}", report.breaks);
    assert!(!scene.look().await.breaks.iter().any(is_forged));
}

/// A log is written anew with the key, and what was signed of the one before is put beside it.
async fn a_pruning_of_another_tree_is_found(log: Log) {
    let mut freezer = Freezer::new();
    let batches = vec![batch(&mut freezer, &[100, 100]), batch(&mut freezer, &[0])];
    let scene = Scene { log, key: SigningKey::generate("log.example.org").unwrap(), batches };
    for batch in &scene.batches {
        scene.log.land(batch).await;
    }
    scene.log.seal(Some(&scene.key)).await;
    assert_eq!(scene.prune().await[0].kept_leaves, 0);
    let anew = "CREATE TABLE kept AS SELECT * FROM audit_prunings; DELETE FROM audit_prunings; DELETE FROM audit_pruned_leaves; \
                DELETE FROM audit_logs; DELETE FROM audit_batches; DELETE FROM audit_tree; DELETE FROM audit_checkpoints";
    both(&scene.log, anew).await;
    let mut freezer = Freezer::new();
    for _ in 0..5 {
        scene.log.land(&batch(&mut freezer, &[0])).await;
    }
    scene.log.seal(Some(&scene.key)).await;
    assert!(scene.look().await.is_intact());
    // It kept no leaves, so that only the tree speaks against it.
    both(&scene.log, "INSERT INTO audit_prunings SELECT * FROM kept").await;
    let breaks = scene.look().await.breaks;
    assert!(matches!(breaks[..], [Break::ForgedPruning { .. }]), "{breaks:?}");
}

/// What came after a pruning is not excused by it.
async fn a_row_that_came_after_a_pruning_is_missed(log: Log) {
    let scene = Scene::new(log).await;
    scene.prune().await;
    let late = batch(&mut Freezer::new(), &[100]);
    scene.log.land(&late).await;
    assert!(scene.look().await.is_intact());
    let stream_id = late.header().stream_id;
    let simple = stream_id.simple();
    let of = if scene.log.is_postgres() { format!("'{simple}'") } else { format!("x'{simple}'") };
    both(&scene.log, &format!("DELETE FROM audit_logs WHERE stream_id = {of}")).await;
    let breaks = scene.look().await.breaks;
    assert!(matches!(breaks[..], [Break::MissingRows { stream_id: found, .. }] if found == stream_id), "{breaks:?}");
}

async fn a_record_of_a_pruning_cannot_be_changed(log: Log) {
    let scene = Scene::new(log).await;
    scene.prune().await;
    both(&scene.log, "CREATE TABLE kept AS SELECT * FROM audit_prunings").await;
    let (earlier, later) = if scene.log.is_postgres() {
        ("lower_bound - interval '1 second'", "pruned_at + interval '1 second'")
    } else {
        ("lower_bound - 1000000", "pruned_at + 1000000")
    };
    for edit in [
        format!("lower_bound = {earlier}"),
        format!("pruned_at = {later}"),
        "n = 4".to_owned(),
        "leaves = 1".to_owned(),
        "leaves_root = root_hash".to_owned(),
        "root_hash = leaves_root".to_owned(),
        "tree_size = 2".to_owned(),
        "pruned_by = 'somebody'".to_owned(),
        "statement = NULL".to_owned(),
        "statement = replace(statement, 'rows 5', 'rows 6')".to_owned(),
    ] {
        both(&scene.log, &format!("UPDATE audit_prunings SET {edit}")).await;
        let breaks = scene.look().await.breaks;
        assert!(
            matches!(breaks[..], [Break::ForgedPruning { .. }, Break::MissingRows { .. }, ..]),
            "{edit}: {breaks:?}"
        );
        both(&scene.log, "DELETE FROM audit_prunings; INSERT INTO audit_prunings SELECT * FROM kept").await;
        assert!(scene.look().await.is_intact());
    }
    both(&scene.log, "DELETE FROM audit_prunings").await;
    let breaks = scene.look().await.breaks;
    // Of the leaves that it kept nobody knows why they are there.
    assert!(
        matches!(breaks[..], [Break::Unreadable { .. }, Break::MissingRows { .. }, Break::MissingRows { .. }]),
        "{breaks:?}"
    );
}

async fn leaves_that_were_kept_cannot_be_changed_and_excuse_nothing_else(log: Log) {
    let scene = Scene::new(log).await;
    scene.prune().await;
    both(&scene.log, "CREATE TABLE kept AS SELECT * FROM audit_pruned_leaves").await;
    let removed = encoding::row_leaf(&scene.batches[2].rows()[1].row).unwrap();
    let removed = removed.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    let removed = if scene.log.is_postgres() { format!("decode('{removed}', 'hex')") } else { format!("x'{removed}'") };
    let leaf = if scene.log.is_postgres() {
        "decode(repeat('07', 32), 'hex')"
    } else {
        "x'0707070707070707070707070707070707070707070707070707070707070707'"
    };
    for edit in [
        format!("UPDATE audit_pruned_leaves SET leaf_hash = {leaf}"),
        "UPDATE audit_pruned_leaves SET idx = 3 WHERE idx = 1".to_owned(),
        "DELETE FROM audit_pruned_leaves WHERE idx = 1".to_owned(),
        "DELETE FROM audit_pruned_leaves".to_owned(),
        // The last row is removed, and its leaf is said to have been kept.
        format!(
            "DELETE FROM audit_logs WHERE seq = 8 AND {of}; \
             INSERT INTO audit_pruned_leaves (stream_id, batch_no, pruning_no, idx, leaf_hash) \
             SELECT stream_id, 2, 0, 1, {removed} FROM audit_batches WHERE batch_no = 2 AND {of}",
            of = scene.of(0)
        ),
    ] {
        both(&scene.log, &edit).await;
        assert!(!scene.look().await.is_intact(), "{edit}");
        assert!(!look(&scene.log, None).await.is_intact(), "{edit}");
        both(&scene.log, "DELETE FROM audit_pruned_leaves; INSERT INTO audit_pruned_leaves SELECT * FROM kept").await;
    }
}

async fn a_signed_log_is_pruned_with_its_own_key_alone(log: Log) {
    let scene = Scene::new(log).await;
    let unsigned = apply(&scene.log, &Retention::new(&scene.log.url, &SCHEMA, KEEP)).await.unwrap_err();
    assert!(matches!(unsigned, RetentionError::KeyNeeded { .. }), "{unsigned}");
    let other = SigningKey::generate("other.example.org").unwrap();
    let foreign = apply(&scene.log, &Retention::new(&scene.log.url, &SCHEMA, KEEP).signer(other)).await.unwrap_err();
    assert!(matches!(foreign, RetentionError::OtherKey { .. }), "{foreign}");
    let report = scene.look().await;
    assert!(report.is_intact() && report.prunings.is_empty());
    // Both were announced, and told to have failed.
    let page = scene.log.reader().await.page(&by_action("audit.pruned")).await.unwrap();
    assert_eq!(page.rows.iter().filter(|row| row.outcome == Outcome::Failure).count(), 2);
}

async fn records_are_append_only(log: Log) {
    let scene = Scene::new(log).await;
    scene.prune().await;
    for table in ["control_plane.audit_prunings", "control_plane.audit_pruned_leaves"] {
        for statement in
            [format!("UPDATE {table} SET pruning_no = 7"), format!("DELETE FROM {table}"), format!("TRUNCATE {table}")]
        {
            let statement = if table.ends_with("prunings") { statement.replace("pruning_no", "n") } else { statement };
            if scene.log.is_postgres() || !statement.starts_with("TRUNCATE") {
                let error = scene.log.attack(&statement).await.expect_err(&statement).to_string();
                assert!(error.contains("append-only"), "{statement}: {error}");
            }
        }
    }
    let error = scene.log.attack("DELETE FROM control_plane.audit_logs").await.unwrap_err().to_string();
    assert!(error.contains("append-only"), "{error}");
}

#[tokio::test]
async fn no_record_of_rows_that_are_not_sealed_lets_rows_of_a_file_go() {
    let log = Log::sqlite().await;
    log.land(&batch(&mut Freezer::new(), &[100])).await;
    let record = "INSERT INTO audit_prunings (no, lower_bound, upper_bound, n, leaves, leaves_root, tree_size, root_hash, pruned_at, pruned_by)
                  VALUES (0, 0, unixepoch() * 1000000, 1, 0, zeroblob(32), 0, zeroblob(32), unixepoch() * 1000000, 'nobody')";
    let error = log.attack(record).await.unwrap_err().to_string();
    assert!(error.contains("not sealed"), "{error}");
    log.seal(None).await;
    let later = record.replace("unixepoch()", "(unixepoch() + 1000)");
    let error = log.attack(&later).await.unwrap_err().to_string();
    assert!(error.contains("of the future"), "{error}");
    let error = log.attack("DELETE FROM control_plane.audit_logs").await.unwrap_err().to_string();
    assert!(error.contains("append-only"), "{error}");
}

mod on_postgres {
    use super::*;

    /// A user who may prune, read and record.
    #[tokio::test]
    async fn the_roles_of_an_admin_a_reader_and_a_writer_suffice() {
        let scene = Scene::new(Log::postgres().await).await;
        let url = scene.log.database().unwrap().user("keeper", "IN ROLE audit_admin, audit_reader, audit_writer").await;
        let retention = Retention::new(&url, &SCHEMA, KEEP).signer(scene.key.clone());
        let writer = Auditor::builder().url(&url).migrate(Migrate::Skip).start().await.unwrap();
        let prunings = retention.apply(writer.auditor(), |_| ()).await.unwrap();
        writer.shutdown(Duration::from_secs(10)).await;
        assert_eq!((rows(&prunings), prunings[0].pruned_by.as_str()), (5, "keeper"));
        assert!(scene.look().await.is_intact());
    }

    #[tokio::test]
    async fn no_other_role_may_prune_or_set_the_interval() {
        let scene = Scene::new(Log::postgres().await).await;
        for role in ["audit_writer", "audit_reader", "audit_sealer", "audit_drainer"] {
            let url = scene.log.database().unwrap().url_as(role).await;
            let retention = Retention::new(&url, &SCHEMA, KEEP);
            let refused = [
                retention.status().await.unwrap_err(),
                retention.set_interval(PartitionInterval::Month).await.unwrap_err(),
            ];
            assert!(refused.iter().all(|error| error.to_string().contains("42501")), "{role}: {refused:?}");
        }
        let admin = scene.log.database().unwrap().url_as("audit_admin").await;
        for statement in [
            "DROP TABLE control_plane.audit_logs",
            "DELETE FROM control_plane.audit_logs",
            "INSERT INTO control_plane.audit_prunings DEFAULT VALUES",
            "INSERT INTO control_plane.audit_pruned_leaves DEFAULT VALUES",
            "UPDATE control_plane.audit_settings SET partition_interval = 'hour'",
            "SELECT control_plane.audit_stays(now(), now(), 0)",
        ] {
            let error = execute_at(&admin, statement).await.expect_err(statement).to_string();
            assert!(error.contains("permission denied") || error.contains("must be owner"), "{statement}: {error}");
        }
    }

    /// Whoever may call the function cannot make it drop what must stay, or record something else.
    #[tokio::test]
    async fn the_function_believes_nobody() {
        let scene = Scene::new(Log::postgres().await).await;
        let admin = scene.log.database().unwrap().url_as("audit_admin").await;
        let call = |which: &str, keep: &str, at: &str, rows: u32, leaves: u32| {
            format!(
                "SELECT control_plane.audit_prune(lower_bound, upper_bound, {keep}, {at}, {rows}, 3, sha256(''), NULL, sha256(''),
                        array_fill(gen_random_uuid(), ARRAY[{leaves}]), array_fill(0::bigint, ARRAY[{leaves}]),
                        array_fill(0, ARRAY[{leaves}]), array_fill(sha256(''), ARRAY[{leaves}]))
                   FROM control_plane.audit_partitions() WHERE {which}"
            )
        };
        let (old, now) = ("lower_bound < now() - interval '90 days'", "clock_timestamp()");
        for (statement, complaint) in [
            (call("lower_bound <= now() AND now() < upper_bound", "7776000", now, 5, 2), "within the limit"),
            (call(old, "8640000", now, 5, 2), "within the limit"),
            (call(old, "60", now, 5, 2), "less than an hour"),
            (call(old, "7776000", "now() - interval '1 second'", 5, 2), "not what is to be dropped"),
            (call(old, "7776000", "now() + interval '1 hour'", 5, 2), "not what is to be dropped"),
            (call(old, "7776000", now, 4, 2), "not what is to be dropped"),
            (call(old, "7776000", now, 5, 1), "2 leaves have to be kept, and 1 are given"),
        ] {
            let error = execute_at(&admin, &statement).await.expect_err(&statement).to_string();
            assert!(error.contains(complaint), "{complaint}: {error}");
        }
        assert!(scene.look().await.is_intact());
    }

    /// A long export keeps the partition from going, and pruning keeps no writer from landing.
    #[tokio::test]
    async fn a_reader_delays_pruning_and_pruning_delays_no_writer() {
        let scene = Scene::new(Log::postgres().await).await;
        let mut export = scene.log.database().unwrap().connect().await;
        sqlx::raw_sql("BEGIN; SELECT * FROM control_plane.audit_logs").execute(&mut export).await.unwrap();
        let retention = scene.retention();
        let landing = async {
            let mut freezer = Freezer::new();
            for _ in 0..20 {
                let batch = samples::batch(&mut freezer, 1);
                let landed = tokio::time::timeout(Duration::from_secs(5), scene.log.land(&batch)).await;
                landed.expect("nobody waits long");
            }
            sqlx::raw_sql("COMMIT").execute(&mut export).await.unwrap();
        };
        let (pruned, ()) = tokio::join!(apply(&scene.log, &retention), landing);
        assert_eq!(rows(&pruned.unwrap()), 5);
        assert!(scene.look().await.is_intact());
    }
}
