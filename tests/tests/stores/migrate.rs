//! Migrations of PostgreSQL, on a real server.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use audit_core::migrate::{self, Error, Options, State};
use audit_core::store::Schema;
use sqlx::Connection as _;
use tests::postgres::{Database, server};
use tests::proxy::{Manner, Proxy};

/// What runs lock; the number is part of the contract between releases.
const LOCK: i64 = i64::from_be_bytes(*b"auditmig");
/// Whether somebody waits for a lock of the log.
const WAITS: &str = "SELECT EXISTS (SELECT FROM pg_locks
    WHERE NOT granted AND relation = to_regclass('control_plane.audit_logs')
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
const SOON: Duration = Duration::from_secs(10);
const A_MOMENT: Duration = Duration::from_millis(500);

async fn migrated() -> Database<'static> {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    database
}

#[tokio::test]
async fn an_empty_database_is_brought_up_to_date_once() {
    let database = server().database().await;
    let options = Options::new();
    let before = migrate::status(&database.url(), &options).await.unwrap();
    assert!(before.iter().all(|migration| migration.state == State::Pending));
    assert!(!migrate::is_current(&database.url(), &options).await.unwrap());

    let first = migrate::migrate(&database.url(), &options).await.unwrap();
    assert_eq!(first.applied, before.iter().map(|migration| migration.version).collect::<Vec<_>>());
    assert_eq!(first.notes, [""; 0]);
    let second = migrate::migrate(&database.url(), &options).await.unwrap();
    assert!(second.applied.is_empty());

    let after = migrate::status(&database.url(), &options).await.unwrap();
    assert!(after.iter().all(|migration| migration.state.is_done()));
    assert!(migrate::is_current(&database.url(), &options).await.unwrap());
}

#[tokio::test]
async fn the_table_has_the_columns_and_indexes_that_people_know() {
    let database = migrated().await;
    let columns: Vec<String> = database
        .value(
            "SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) ORDER BY attname)
               FROM pg_attribute WHERE attrelid = 'control_plane.audit_logs'::regclass
                AND attname IN ('id', 'actor_id', 'actor_type', 'action', 'target_type', 'target_id', 'metadata',
                                'ip_address', 'user_agent', 'created_at')",
        )
        .await;
    assert_eq!(
        columns,
        [
            "action text",
            "actor_id text",
            "actor_type text",
            "created_at timestamp with time zone",
            "id uuid",
            "ip_address inet",
            "metadata jsonb",
            "target_id text",
            "target_type text",
            "user_agent text"
        ]
    );
    let indexes: Vec<String> = database
        .value(
            "SELECT array_agg(indexrelid::regclass::text ORDER BY 1) FROM pg_index
              WHERE indrelid = 'control_plane.audit_logs'::regclass",
        )
        .await;
    for index in [
        "idx_audit_logs_actor_id",
        "idx_audit_logs_target_id",
        "idx_audit_logs_created_at",
        "idx_audit_logs_actor_created",
        "idx_audit_logs_actor_unsuccessful",
        "idx_audit_logs_target_created",
        "idx_audit_logs_action",
        "idx_audit_logs_request_id",
        "audit_logs_pkey",
    ] {
        assert!(indexes.contains(&format!("control_plane.{index}")), "{index} is not among {indexes:?}");
    }
}

#[tokio::test]
async fn texts_are_compared_by_their_bytes_whatever_the_order_of_the_database() {
    let database = server().collated_database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    let by_language: Option<Vec<String>> = database
        .value(
            "SELECT array_agg(attrelid::regclass || '.' || attname)
               FROM pg_attribute JOIN pg_inherits ON attrelid IN (inhparent, inhrelid)
              WHERE inhparent = 'control_plane.audit_logs'::regclass AND attcollation NOT IN (0, '\"C\"'::regcollation)",
        )
        .await;
    assert_eq!(by_language, None);
}

#[tokio::test]
async fn eight_processes_migrate_at_once() {
    let database = server().database().await;
    let processes: Vec<_> = (0..8)
        .map(|_| {
            Command::new(env!("CARGO_BIN_EXE_migrate"))
                .arg(database.url())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut applied = 0;
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        applied += String::from_utf8(output.stdout).unwrap().trim().parse::<usize>().unwrap();
    }
    let known = migrate::status(&database.url(), &Options::new()).await.unwrap();
    assert_eq!(applied, known.len());
    assert!(known.iter().all(|migration| migration.state.is_done()));
}

#[tokio::test]
async fn a_failed_migration_leaves_neither_lock_nor_trace() {
    let database = server().database().await;
    database.execute("CREATE SCHEMA control_plane; CREATE TABLE control_plane.audit_batches ()").await;

    let error = migrate::migrate(&database.url(), &Options::new()).await.unwrap_err();
    let Error::Failed { version: 1, reason, .. } = error else { panic!("{error}") };
    assert_eq!(reason, r#"relation "audit_batches" already exists (SQLSTATE 42P07)"#);
    let found: bool = database.value("SELECT to_regclass('control_plane.audit_logs') IS NOT NULL").await;
    assert!(!found);
    // The server notices within moments that the connection is closed.
    let deadline = Instant::now() + SOON;
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while database.value::<i64>(locks).await > 0 {
        assert!(Instant::now() < deadline, "the lock is held still");
    }

    database.execute("DROP TABLE control_plane.audit_batches").await;
    let impatient = Options::new().with_lock_wait(Duration::ZERO);
    assert!(!migrate::migrate(&database.url(), &impatient).await.unwrap().applied.is_empty());
}

#[tokio::test]
async fn a_run_waits_for_another_only_so_long() {
    let database = server().database().await;
    let mut other = database.connect().await;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut other).await.unwrap();

    let impatient = Options::new().with_lock_wait(Duration::from_millis(100));
    let error = migrate::migrate(&database.url(), &impatient).await.unwrap_err();
    assert!(matches!(error, Error::Locked { waited } if waited >= Duration::from_millis(100)), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_server_that_falls_silent_at_any_step_is_given_up_on() {
    // So many bytes end in a look at the history, in BEGIN, about the schema, in CREATE TABLE, in the first migration.
    for bytes in [100, 350, 620, 1_100, 5_000] {
        let database = server().database().await;
        let proxy = Proxy::before(database.server().port(), Manner::FallSilentAfter(bytes));
        let (url, options) = (proxy.url(&database.url()), Options::new());
        let mut run = std::pin::pin!(migrate::migrate(&url, &options));
        assert!(tokio::time::timeout(A_MOMENT, &mut run).await.is_err(), "{bytes}");
        // From here on nothing but limits can end the run, so the clock may jump from one to the next.
        tokio::time::pause();
        let given_up = tokio::time::timeout(Duration::from_hours(2), run).await.expect("every wait has a limit");
        tokio::time::resume();
        assert!(given_up.unwrap_err().is_transient(), "{bytes}");
    }
}

#[tokio::test]
async fn a_changed_migration_is_named() {
    let database = migrated().await;
    database.execute(r"UPDATE control_plane.audit_migrations SET checksum = '\x00' WHERE version = 2").await;
    let error = migrate::migrate(&database.url(), &Options::new()).await.unwrap_err();
    assert!(matches!(error, Error::Changed { version: 2, .. }), "{error}");
    let status = migrate::status(&database.url(), &Options::new()).await.unwrap();
    let changed: Vec<_> =
        status.iter().filter(|migration| !migration.state.is_done()).map(|migration| migration.version).collect();
    assert_eq!(changed, [2]);
    assert!(matches!(status[1].state, State::Changed { .. }));
}

#[tokio::test]
async fn a_migration_unknown_to_the_program_is_named() {
    let database = migrated().await;
    database.execute("UPDATE control_plane.audit_migrations SET version = -2 WHERE version = 2").await;
    let error = migrate::migrate(&database.url(), &Options::new()).await.unwrap_err();
    assert!(matches!(error, Error::Missing { version: -2, .. }), "{error}");
}

#[tokio::test]
async fn a_database_newer_than_the_program_is_refused() {
    let database = migrated().await;
    database
        .execute(
            "INSERT INTO control_plane.audit_migrations (version, took_us, description, checksum, notes)
             VALUES (999, 1, 'from the future', '', '{}')",
        )
        .await;
    let error = migrate::migrate(&database.url(), &Options::new()).await.unwrap_err();
    let Error::Newer { found: 999, known } = error else { panic!("{error}") };
    let status = migrate::status(&database.url(), &Options::new()).await.unwrap();
    assert_eq!(status[status.len() - 2].version, known);
    assert!(matches!(status[status.len() - 1].state, State::Newer { .. }));
}

#[tokio::test]
async fn a_plain_table_of_an_earlier_system_moves_out_of_the_way_with_its_indexes() {
    let database = server().database().await;
    database
        .execute(
            "CREATE SCHEMA control_plane;
             CREATE TABLE control_plane.audit_logs (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), actor_id text);
             CREATE INDEX idx_audit_logs_actor_id ON control_plane.audit_logs (actor_id);
             INSERT INTO control_plane.audit_logs (actor_id) VALUES ('user_123')",
        )
        .await;
    let report = migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    assert!(report.notes[0].contains("audit_logs_legacy"), "{:?}", report.notes);

    let kept: String = database.value("SELECT actor_id FROM control_plane.audit_logs_legacy").await;
    assert_eq!(kept, "user_123");
    let indexes: Vec<String> = database
        .value(
            "SELECT array_agg(indexrelid::regclass::text ORDER BY 1) FROM pg_index
              WHERE indrelid = 'control_plane.audit_logs_legacy'::regclass",
        )
        .await;
    assert_eq!(indexes, ["control_plane.audit_logs_pkey_legacy", "control_plane.idx_audit_logs_actor_id_legacy"]);
}

/// Whoever works with a table that a migration changes may lock, after it, something that the migration holds.
#[tokio::test]
async fn a_migration_that_the_server_ends_for_a_deadlock_begins_again() {
    let database = server().database().await;
    // The migration looks for a deadlock once, so long after it began to wait; the other session never.
    database.set("deadlock_timeout", "2s").await;
    database.execute("CREATE SCHEMA control_plane; CREATE TABLE control_plane.audit_logs (id uuid PRIMARY KEY)").await;
    let mut other = database.connect().await;
    let mut transaction = other.begin().await.unwrap();
    let at_work = "SET LOCAL deadlock_timeout = '1min'; LOCK TABLE control_plane.audit_logs IN ROW EXCLUSIVE MODE";
    sqlx::raw_sql(at_work).execute(&mut *transaction).await.unwrap();

    let url = database.url();
    let migrating = tokio::spawn(async move { migrate::migrate(&url, &Options::new()).await });
    // Its index is renamed first.
    while !database.value::<bool>(WAITS).await {}
    sqlx::raw_sql("ALTER INDEX control_plane.audit_logs_pkey SET (fillfactor = 90)")
        .execute(&mut *transaction)
        .await
        .expect("the migration goes back to before the deadlock");
    transaction.commit().await.unwrap();
    migrating.await.unwrap().unwrap();

    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadline = Instant::now() + SOON;
    while database.value::<i64>(deadlocks).await == 0 {
        assert!(Instant::now() < deadline, "there was no deadlock");
    }
    let kept: bool = database.value("SELECT to_regclass('control_plane.audit_logs_pkey_legacy') IS NOT NULL").await;
    assert!(kept);
}

/// A log that was migrated long ago, with rows that the planner knows.
async fn migrated_before_17() -> Database<'static> {
    let database = migrated().await;
    let rows = "INSERT INTO control_plane.audit_logs (id, created_at, stream_id, seq, actor_type, outcome, actor_id, action, target_type, metadata)
        SELECT gen_random_uuid(), now(), gen_random_uuid(), n, 'user', 'success', 'user_' || n % 10, 'project.renamed', 'project', '{}'
          FROM generate_series(1, 1000) n;
        ANALYZE control_plane.audit_logs; DELETE FROM control_plane.audit_migrations WHERE version >= 17";
    database.execute(rows).await;
    database
}

#[tokio::test]
async fn the_planner_knows_the_log_after_a_migration_of_its_columns() {
    let database = migrated_before_17().await;
    let known = "SELECT count(DISTINCT attname) FROM pg_stats WHERE schemaname = 'control_plane' AND tablename ~ '^audit_logs_2'";
    let before: i64 = database.value(known).await;
    assert!(before > 20, "{before}");
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    assert_eq!(database.value::<i64>(known).await, before);
}

#[tokio::test]
async fn a_log_larger_than_allowed_is_not_read_whole() {
    let database = migrated_before_17().await;
    let careful = Options::new().with_largest_log(100_000);
    let error = migrate::migrate(&database.url(), &careful).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { version: 17, bytes: 100_001.., .. }), "{error}");
    assert!(!error.is_transient());
    let patient = Options::new().with_largest_log(10_000_000);
    assert_eq!(migrate::migrate(&database.url(), &patient).await.unwrap().applied, [17, 18, 19]);
}

#[tokio::test]
async fn a_migration_whose_caller_went_away_lets_go_of_the_log() {
    let database = migrated_before_17().await;
    let mut reader = database.connect().await;
    let mut transaction = reader.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE control_plane.audit_logs IN ACCESS SHARE MODE").execute(&mut *transaction).await.unwrap();

    let url = database.url();
    let migrating = tokio::spawn(async move { migrate::migrate(&url, &Options::new()).await });
    while !database.value::<bool>(WAITS).await {}
    migrating.abort();
    let deadline = Instant::now() + SOON;
    while database.value::<bool>(WAITS).await {
        assert!(Instant::now() < deadline, "it waits for its lock still");
    }
}

#[tokio::test]
async fn a_view_in_the_way_of_a_migration_is_named() {
    let database = migrated_before_17().await;
    database.execute("CREATE VIEW public.my_actors AS SELECT actor_id FROM control_plane.audit_logs").await;
    let error = migrate::migrate(&database.url(), &Options::new()).await.unwrap_err().to_string();
    assert!(error.contains("view my_actors"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_not_utf8_is_refused() {
    let database = server().database_with("ENCODING 'SQL_ASCII'").await;
    let error = migrate::migrate(&database.url(), &Options::new()).await.unwrap_err();
    assert!(error.to_string().contains("the database is encoded in SQL_ASCII, and the log needs UTF8"), "{error}");
}

#[tokio::test]
async fn schema_and_roles_go_by_the_names_that_were_asked_for() {
    let database = server().database().await;
    let options = Options::new().with_schema(Schema::new("user").unwrap()).with_role_prefix("other_audit").unwrap();
    migrate::migrate(&database.url(), &options).await.unwrap();
    let may: bool = database
        .value(r#"SELECT has_column_privilege('other_audit_writer', '"user".audit_logs', 'action', 'INSERT')"#)
        .await;
    assert!(may);
    let elsewhere: bool = database.value("SELECT to_regnamespace('control_plane') IS NOT NULL").await;
    assert!(!elsewhere);
}

#[tokio::test]
async fn a_role_that_may_change_nothing_finds_an_up_to_date_database_in_order() {
    let database = migrated().await;
    for role in ["audit_writer", "audit_drainer", "audit_sealer", "audit_signer", "audit_reader", "audit_admin"] {
        let url = database.url_as(role).await;
        assert!(migrate::is_current(&url, &Options::new()).await.unwrap(), "{role}");
        assert!(migrate::migrate(&url, &Options::new()).await.unwrap().applied.is_empty(), "{role}");
    }
}
