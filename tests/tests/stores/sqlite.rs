//! What holds of the embedded store alone; `store_contract` has what it shares with PostgreSQL.

use std::time::SystemTime;

use audit_core::batch::Freezer;
use audit_core::store::{ErrorClass, Landed, Schema, SharedStore, open};
use audit_core::{ActionName, Actor, Entry};
use chrono::SecondsFormat;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};
use tempfile::TempDir;

struct Log {
    directory: TempDir,
    store: SharedStore,
}

impl Log {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("audit.db").display());
        Self { directory, store: open(&url, &Schema::default()).unwrap() }
    }

    async fn migrated() -> Self {
        let log = Self::new();
        log.store.migrate().await.unwrap();
        log
    }

    /// A connection such as another program has, without any of our settings.
    async fn raw(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.directory.path().join("audit.db")).connect().await.unwrap()
    }

    async fn land(&self, freezer: &mut Freezer, entries: Vec<Entry>) -> Result<Landed, audit_core::store::StoreError> {
        let mut connection = self.store.connect().await.unwrap();
        let batch = freezer.freeze(entries, SystemTime::now());
        let landed = connection.land(&batch).await;
        connection.close().await;
        landed
    }
}

fn entry() -> Entry {
    Entry::builder(ActionName::unlisted("door.opened").unwrap())
        .target_id("door_7")
        .actor(Actor::user("user_123"))
        .build()
}

async fn count(connection: &mut SqliteConnection, table: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn other_programs_can_neither_change_nor_delete_nor_replace_evidence() {
    let log = Log::migrated().await;
    let mut freezer = Freezer::new();
    assert_eq!(log.land(&mut freezer, vec![entry(), entry()]).await.unwrap(), Landed::Stored { dead_lettered: 0 });
    let mut other = log.raw().await;
    let before: Vec<(Vec<u8>, String)> =
        sqlx::query_as("SELECT id, action FROM audit_logs ORDER BY id").fetch_all(&mut other).await.unwrap();

    for attack in [
        "UPDATE audit_logs SET action = 'door.closed'",
        "UPDATE OR REPLACE audit_logs SET rowid = 2 WHERE rowid = 1",
        "DELETE FROM audit_logs",
        "INSERT OR REPLACE INTO audit_logs SELECT * FROM audit_logs",
        "REPLACE INTO audit_logs SELECT * FROM audit_logs LIMIT 1",
        "INSERT INTO audit_logs SELECT * FROM audit_logs WHERE true ON CONFLICT DO UPDATE SET action = 'door.closed'",
        "INSERT OR REPLACE INTO audit_logs (rowid, id, actor_type, action, target_type, metadata, created_at, outcome, stream_id, seq)
         SELECT 1, randomblob(16), actor_type, action, target_type, metadata, created_at, outcome, stream_id, seq FROM audit_logs LIMIT 1",
        "INSERT INTO audit_logs (rowid, id, actor_type, action, target_type, metadata, created_at, outcome, stream_id, seq)
         SELECT -1, randomblob(16), actor_type, action, target_type, metadata, created_at, outcome, stream_id, seq FROM audit_logs LIMIT 1",
        "UPDATE audit_batches SET n = 1",
        "DELETE FROM audit_batches",
        "REPLACE INTO audit_batches SELECT * FROM audit_batches",
    ] {
        let refused = sqlx::raw_sql(attack).execute(&mut other).await;
        assert!(refused.is_err(), "went through: {attack}");
    }
    let after: Vec<(Vec<u8>, String)> =
        sqlx::query_as("SELECT id, action FROM audit_logs ORDER BY id").fetch_all(&mut other).await.unwrap();
    assert_eq!(before, after);
    assert_eq!(count(&mut other, "audit_batches").await, 1);
}

#[tokio::test]
async fn other_programs_can_neither_change_nor_delete_nor_replace_holds() {
    let log = Log::migrated().await;
    let mut other = log.raw().await;
    // Somebody's hold, active, and another's that was released.
    let holds = "INSERT INTO audit_holds (id, actor_id, reason, added_by) VALUES (zeroblob(16), 'user_1', 'case 1', 'counsel');
                 INSERT INTO audit_holds (id, actor_id, reason, added_by) VALUES (x'01000000000000000000000000000000', 'user_2', 'case 2', 'counsel');
                 INSERT INTO audit_hold_releases (hold_id, reason, released_by)
                 VALUES (x'01000000000000000000000000000000', 'closed', 'counsel')";
    sqlx::raw_sql(holds).execute(&mut other).await.unwrap();
    for attack in [
        "UPDATE audit_holds SET actor_id = 'user_9'",
        "UPDATE audit_holds SET until = added_at",
        "UPDATE OR REPLACE audit_holds SET id = zeroblob(16) WHERE actor_id = 'user_2'",
        "DELETE FROM audit_holds",
        "INSERT OR REPLACE INTO audit_holds (id, actor_id, reason, added_by) VALUES (zeroblob(16), 'user_9', 'case 1', 'counsel')",
        "INSERT INTO audit_holds (id, actor_id, reason, added_by) VALUES (zeroblob(16), 'user_9', 'case 1', 'counsel')
         ON CONFLICT DO UPDATE SET actor_id = 'user_9'",
        "INSERT INTO audit_holds (id, reason, added_by) VALUES (randomblob(16), 'all', 'counsel')",
        "UPDATE audit_hold_releases SET hold_id = zeroblob(16)",
        "DELETE FROM audit_hold_releases",
        "REPLACE INTO audit_hold_releases SELECT * FROM audit_hold_releases",
    ] {
        let refused = sqlx::raw_sql(attack).execute(&mut other).await;
        assert!(refused.is_err(), "went through: {attack}");
    }
    let kept = "SELECT group_concat(actor_id || ' ' || reason) FROM audit_holds";
    let kept: String = sqlx::query_scalar(kept).fetch_one(&mut other).await.unwrap();
    assert_eq!(kept, "user_1 case 1,user_2 case 2");
    assert_eq!(count(&mut other, "audit_hold_releases").await, 1);
}

#[tokio::test]
async fn rows_carry_the_time_of_their_header() {
    let log = Log::migrated().await;
    log.land(&mut Freezer::new(), (0..600).map(|_| entry()).collect()).await.unwrap();
    let mut other = log.raw().await;
    let same: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM audit_logs l JOIN audit_batches b ON b.stream_id = l.stream_id AND l.recorded_at = b.db_time
          WHERE abs(b.db_time - b.writer_time) < 60000000",
    )
    .fetch_one(&mut other)
    .await
    .unwrap();
    assert_eq!(same, 600);
}

#[tokio::test]
async fn a_person_reads_ids_and_times_in_the_view() {
    let log = Log::migrated().await;
    let (older, newer) = (entry(), entry());
    log.land(&mut Freezer::new(), vec![older, newer.clone()]).await.unwrap();
    let row = sqlx::query("SELECT * FROM audit_logs_readable LIMIT 1").fetch_one(&mut log.raw().await).await.unwrap();
    assert_eq!(row.get::<String, _>("id"), newer.id().to_string());
    assert_eq!(row.get::<String, _>("created_at"), newer.created_at().to_rfc3339_opts(SecondsFormat::Micros, true));
}

#[tokio::test]
async fn a_refused_row_becomes_a_dead_letter_and_the_rest_lands() {
    let log = Log::migrated().await;
    let twice = entry();
    log.land(&mut Freezer::new(), vec![twice.clone()]).await.unwrap();
    let mut entries: Vec<_> = (0..400).map(|_| entry()).collect();
    entries[300] = twice.clone();
    assert_eq!(log.land(&mut Freezer::new(), entries).await.unwrap(), Landed::Stored { dead_lettered: 1 });

    let mut other = log.raw().await;
    assert_eq!(count(&mut other, "audit_logs").await, 400);
    let (index, letter): (i64, Vec<u8>) =
        sqlx::query_as("SELECT idx, encoded FROM audit_dead_letters").fetch_one(&mut other).await.unwrap();
    let letter: serde_json::Value = serde_json::from_slice(&letter).unwrap();
    assert_eq!((index, letter["id"].as_str()), (300, Some(twice.id().to_string().as_str())));
}

#[tokio::test]
async fn a_row_alone_becomes_a_dead_letter_but_not_one_after_another() {
    let log = Log::migrated().await;
    let (twice, mut freezer) = (entry(), Freezer::new());
    log.land(&mut freezer, vec![twice.clone()]).await.unwrap();
    assert_eq!(log.land(&mut freezer, vec![twice.clone()]).await.unwrap(), Landed::Stored { dead_lettered: 1 });
    let error = log.land(&mut freezer, vec![twice]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Operator, "{error}");
}

#[tokio::test]
async fn a_batch_of_which_many_rows_are_refused_waits_for_an_operator() {
    let log = Log::migrated().await;
    let twice: Vec<_> = (0..20).map(|_| entry()).collect();
    log.land(&mut Freezer::new(), twice.clone()).await.unwrap();
    let error = log.land(&mut Freezer::new(), twice).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Operator, "{error}");
    let mut other = log.raw().await;
    assert_eq!(count(&mut other, "audit_batches").await, 1);
    assert_eq!(count(&mut other, "audit_dead_letters").await, 0);
}

#[tokio::test]
async fn a_trigger_that_ends_the_transaction_leaves_no_row_without_a_header() {
    let log = Log::migrated().await;
    let mut other = log.raw().await;
    let trigger = "CREATE TRIGGER operators BEFORE INSERT ON audit_logs WHEN NEW.target_id = 'door_13'
                   BEGIN SELECT RAISE(ROLLBACK, 'not this door'); END";
    sqlx::query(trigger).execute(&mut other).await.unwrap();
    let mut entries: Vec<_> = (0..20).map(|_| entry()).collect();
    let action = ActionName::unlisted("door.opened").unwrap();
    entries[7] = Entry::builder(action).target_id("door_13").actor(Actor::user("user_123")).build();
    let error = log.land(&mut Freezer::new(), entries).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Operator, "{error}");
    for table in ["audit_batches", "audit_logs", "audit_dead_letters"] {
        assert_eq!(count(&mut other, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn eight_migrations_at_once_make_one_log() {
    let log = Log::new();
    let runs = (0..8).map(|_| {
        let store = log.store.clone();
        tokio::spawn(async move { store.migrate().await })
    });
    let mut applied = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        applied.extend(run.await.unwrap().unwrap().applied);
    }
    applied.sort_unstable();
    let known = audit_core::migrate::status(&log.store.describe(), &audit_core::migrate::Options::new()).await.unwrap();
    assert_eq!(applied, known.iter().map(|migration| migration.version).collect::<Vec<_>>());
}

#[tokio::test]
async fn looking_at_a_log_that_is_not_there_does_not_make_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.db");
    let url = format!("sqlite:{}", path.display());
    let pending = audit_core::migrate::pending(&url, &audit_core::migrate::Options::new()).await.unwrap();
    assert!(!pending.is_empty());
    assert!(audit_core::query::Reader::connect(&url, &Schema::default()).await.is_err());
    assert!(!path.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_readable_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let log = Log::migrated().await;
    let open = log.store.connect().await.unwrap();
    for file in std::fs::read_dir(log.directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
    open.close().await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_named_with_what_to_do() {
    for url in ["sqlite::memory:", "sqlite://", "sqlite:audit.db?mode=memory", "sqlite://:memory:"] {
        let error = open(url, &Schema::default()).unwrap_err();
        assert!(error.to_string().contains("name a file"), "{error}");
    }
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/not/there/audit.db", directory.path().display());
    let error = open(&url, &Schema::default()).unwrap().connect().await.err().unwrap();
    assert!(error.to_string().contains("there is no directory"), "{error}");
    assert_eq!(error.class(), ErrorClass::Operator);

    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, only a text that is long enough to be read as a header".repeat(20)).unwrap();
    let error = open(&format!("sqlite:{}", text.display()), &Schema::default()).unwrap().connect().await.err().unwrap();
    assert_eq!(error.class(), ErrorClass::Operator, "{error}");
}
