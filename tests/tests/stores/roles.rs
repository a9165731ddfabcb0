//! Who may do what in PostgreSQL, each role under its own privileges alone.

use audit_core::batch::Freezer;
use audit_core::migrate::{self, Options};
use audit_core::query::{Query, Reader};
use audit_core::seal::Sealer;
use audit_core::signing::SigningKey;
use audit_core::store::{ErrorClass, Landed, Schema, open};
use tests::postgres::{Database, execute_at, server};
use tests::samples;

const INSUFFICIENT_PRIVILEGE: &str = "42501";

async fn migrated() -> Database<'static> {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    database
}

/// A database whose log holds a row, in the partition it names.
async fn with_a_row() -> (Database<'static>, String) {
    let database = migrated().await;
    land(&database.url(), &mut Freezer::new(), 1).await;
    let partition = database.value("SELECT tableoid::regclass::text FROM control_plane.audit_logs").await;
    (database, partition)
}

async fn land(url: &str, freezer: &mut Freezer, rows: usize) -> [Landed; 2] {
    let store = open(url, &Schema::default()).unwrap();
    let mut connection = store.connect().await.unwrap();
    let batch = samples::batch(freezer, rows);
    let landed = [connection.land(&batch).await.unwrap(), connection.land(&batch).await.unwrap()];
    connection.close().await;
    landed
}

/// Asserts that every statement is refused, for want of privilege and for nothing else.
async fn refused(url: &str, statements: &[&str]) {
    for statement in statements {
        let error = execute_at(url, statement).await.expect_err(statement);
        let code = error.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some(INSUFFICIENT_PRIVILEGE), "{statement}: {error}");
    }
}

#[tokio::test]
async fn the_writer_lands_and_can_do_nothing_else() {
    let (database, _) = with_a_row().await;
    let url = database.url_as("audit_writer").await;
    let mut freezer = Freezer::new();
    assert_eq!(
        land(&url, &mut freezer, 3).await,
        [Landed::Stored { dead_lettered: 0 }, Landed::AlreadyStored { dead_lettered: 0 }]
    );
    assert_eq!(
        land(&url, &mut freezer, 300).await,
        [Landed::Stored { dead_lettered: 0 }, Landed::AlreadyStored { dead_lettered: 0 }]
    );

    refused(
        &url,
        &[
            "SELECT action FROM control_plane.audit_logs",
            "SELECT kind FROM control_plane.audit_batches",
            "UPDATE control_plane.audit_logs SET action = 'x.y'",
            "DELETE FROM control_plane.audit_logs",
            "TRUNCATE control_plane.audit_logs",
            "INSERT INTO control_plane.audit_logs (recorded_at) VALUES (now())",
            "INSERT INTO control_plane.audit_logs (redacted) VALUES ('{}')",
            "INSERT INTO control_plane.audit_batches (db_time) VALUES (now())",
            "INSERT INTO control_plane.audit_batches (xid) VALUES ('1')",
            "INSERT INTO control_plane.audit_tree (leaf) VALUES (0)",
            "INSERT INTO control_plane.audit_migrations (version) VALUES (0)",
            "SELECT * FROM control_plane.audit_outbox",
            "CREATE TABLE control_plane.mine ()",
            "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL",
            "SET session_replication_role = replica",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_reader_reads_and_can_do_nothing_else() {
    let (database, partition) = with_a_row().await;
    let url = database.url_as("audit_reader").await;
    for table in ["logs", "batches", "tree", "checkpoints", "dead_letters"] {
        execute_at(&url, &format!("SELECT * FROM control_plane.audit_{table}")).await.unwrap();
    }
    execute_at(&url, "SELECT * FROM control_plane.audit_partitions()").await.unwrap();

    refused(
        &url,
        &[
            "INSERT INTO control_plane.audit_logs SELECT * FROM control_plane.audit_logs",
            "UPDATE control_plane.audit_logs SET action = 'x.y'",
            "DELETE FROM control_plane.audit_logs",
            &format!("DELETE FROM {partition}"),
            "INSERT INTO control_plane.audit_batches SELECT * FROM control_plane.audit_batches",
            "SELECT * FROM control_plane.audit_outbox",
            "SELECT control_plane.audit_ensure_partition(now())",
            "SELECT control_plane.audit_grant_roles()",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_sealer_seals_and_the_signer_signs_and_neither_can_do_anything_else() {
    let (database, _) = with_a_row().await;
    let url = database.url_as("audit_sealer").await;
    assert_eq!(Sealer::new(&url, &Schema::default()).unwrap().once().await.unwrap().headers, 1);
    let checkpoint = "SELECT control_plane.audit_write_checkpoint(1, '0', sha256(''), 'forged', '')";
    refused(&url, &[checkpoint]).await;

    let url = database.url_as("audit_signer").await;
    land(&database.url(), &mut Freezer::new(), 1).await;
    let key = SigningKey::generate("log").unwrap();
    let done = Sealer::new(&url, &Schema::default()).unwrap().signer(key).once().await.unwrap();
    assert_eq!((done.headers, done.size), (1, 2));

    refused(
        &url,
        &[
            "SELECT action FROM control_plane.audit_logs",
            "SELECT kind FROM control_plane.audit_batches",
            "SELECT leaf FROM control_plane.audit_tree",
            "SELECT size FROM control_plane.audit_checkpoints",
            "INSERT INTO control_plane.audit_tree (leaf) VALUES (1)",
            "INSERT INTO control_plane.audit_checkpoints (size) VALUES (9)",
            "DELETE FROM control_plane.audit_tree",
            "UPDATE control_plane.audit_checkpoints SET note = ''",
            "SELECT control_plane.audit_leaf_hash(b) FROM control_plane.audit_batches b",
        ],
    )
    .await;
    let writer = database.url_as("audit_writer").await;
    refused(&writer, &["SELECT * FROM control_plane.audit_seal('0', 10)"]).await;
    let error = Sealer::new(&writer, &Schema::default()).unwrap().once().await.unwrap_err();
    assert!(error.to_string().contains("grant it the role audit_sealer"), "{error}");
}

#[tokio::test]
async fn the_drainer_empties_the_outbox_and_can_do_nothing_else() {
    let (database, _) = with_a_row().await;
    let url = database.url_as("audit_drainer").await;
    execute_at(&url, "DELETE FROM control_plane.audit_outbox RETURNING *").await.unwrap();
    refused(
        &url,
        &[
            "SELECT * FROM control_plane.audit_logs",
            "INSERT INTO control_plane.audit_outbox (id) VALUES (gen_random_uuid())",
            "DELETE FROM control_plane.audit_batches",
        ],
    )
    .await;
}

#[tokio::test]
async fn nobody_else_reaches_the_log() {
    let (database, _) = with_a_row().await;
    for url in [
        database.url_as("audit_sealer").await,
        database.url_as("audit_admin").await,
        database.user("passer_by", "").await,
    ] {
        refused(
            &url,
            &[
                "SELECT * FROM control_plane.audit_logs",
                "DELETE FROM control_plane.audit_logs",
                "SELECT control_plane.audit_ensure_partition(now())",
                "SELECT control_plane.audit_header_hash(gen_random_uuid(), 0)",
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_told_from_other_faults() {
    let database = migrated().await;
    let read = async |url: &str| {
        let reader = Reader::connect(url, &Schema::default()).await.unwrap();
        reader.page(&Query::new()).await
    };
    for url in [database.user("passer_by", "").await, database.url_as("audit_writer").await] {
        let error = read(&url).await.unwrap_err();
        assert!(error.is_permission_denied() && error.class() == ErrorClass::Operator, "{error}");
    }
    let reader = database.url_as("audit_reader").await;
    read(&reader).await.unwrap();
    database.execute("ALTER TABLE control_plane.audit_logs RENAME TO elsewhere").await;
    let error = read(&reader).await.unwrap_err();
    assert!(!error.is_permission_denied() && error.class() == ErrorClass::Operator, "{error}");
}

#[tokio::test]
async fn evidence_is_append_only_for_owner_and_superuser_and_under_replication() {
    let (database, partition) = with_a_row().await;
    // Row triggers need rows.
    database
        .execute(
            "INSERT INTO control_plane.audit_tree (leaf, batch_no, stream_id, leaf_hash)
                 SELECT 0, batch_no, stream_id, rows_root FROM control_plane.audit_batches;
             INSERT INTO control_plane.audit_checkpoints (size, watermark, root_hash, note)
                 SELECT 1, xid, rows_root, 'note' FROM control_plane.audit_batches;
             INSERT INTO control_plane.audit_dead_letters (stream_id, batch_no, idx, leaf_hash, encoded)
                 SELECT stream_id, batch_no, 0, rows_root, '' FROM control_plane.audit_batches",
        )
        .await;
    let attacks = [
        "UPDATE control_plane.audit_logs SET action = 'x.y'".to_owned(),
        "DELETE FROM control_plane.audit_logs".to_owned(),
        "TRUNCATE control_plane.audit_logs".to_owned(),
        format!("UPDATE {partition} SET action = 'x.y'"),
        format!("DELETE FROM {partition}"),
        format!("TRUNCATE {partition}"),
        "UPDATE control_plane.audit_batches SET n = 0".to_owned(),
        "DELETE FROM control_plane.audit_batches".to_owned(),
        "TRUNCATE control_plane.audit_batches".to_owned(),
        "UPDATE control_plane.audit_tree SET leaf = 1".to_owned(),
        "DELETE FROM control_plane.audit_tree".to_owned(),
        "TRUNCATE control_plane.audit_tree".to_owned(),
        "UPDATE control_plane.audit_checkpoints SET note = ''".to_owned(),
        "DELETE FROM control_plane.audit_checkpoints".to_owned(),
        "TRUNCATE control_plane.audit_checkpoints".to_owned(),
        "UPDATE control_plane.audit_dead_letters SET encoded = ''".to_owned(),
        "DELETE FROM control_plane.audit_dead_letters".to_owned(),
        "TRUNCATE control_plane.audit_dead_letters".to_owned(),
    ];
    for attack in &attacks {
        let as_owner = format!("SET ROLE audit_owner; {attack}");
        let as_replica = format!("SET session_replication_role = replica; {attack}");
        for statements in [attack, &as_owner, &as_replica] {
            let error = database.try_execute(statements).await.expect_err(statements).to_string();
            assert!(error.contains("the audit log is append-only"), "{statements}: {error}");
        }
    }
    let rows: i64 = database.value("SELECT count(*) FROM control_plane.audit_logs WHERE action <> 'x.y'").await;
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn functions_that_act_for_their_owner_look_names_up_nowhere_else() {
    let database = migrated().await;
    let loose: i64 = database
        .value(
            // A body that was parsed when its function was made looks nothing up.
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'control_plane'::regnamespace
                AND (prosecdef OR prosqlbody IS NULL)
                AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(proconfig, '{}'))",
        )
        .await;
    assert_eq!(loose, 0);
    let open_to_all: i64 = database
        .value(
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'control_plane'::regnamespace
                AND has_function_privilege('public', oid, 'EXECUTE')",
        )
        .await;
    assert_eq!(open_to_all, 0);
}

#[tokio::test]
async fn without_the_right_to_make_roles_the_guards_stand_alone_until_somebody_makes_them() {
    let database = server().database().await;
    let url = database.user("roleless", "").await;
    database
        .execute("DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO roleless', current_database()); END $$")
        .await;
    let options = Options::new().with_role_prefix("late").unwrap();

    let report = migrate::migrate(&url, &options).await.unwrap();
    assert!(report.notes[0].contains("roleless may not make the role late_owner"), "{:?}", report.notes);
    let status = migrate::status(&url, &options).await.unwrap();
    assert!(status.iter().any(|migration| migration.notes == report.notes));
    assert_eq!(
        land(&url, &mut Freezer::new(), 3).await,
        [Landed::Stored { dead_lettered: 0 }, Landed::AlreadyStored { dead_lettered: 0 }]
    );
    let error = execute_at(&url, "DELETE FROM control_plane.audit_logs").await.unwrap_err().to_string();
    assert!(error.contains("append-only"), "{error}");

    database.execute("SELECT control_plane.audit_grant_roles()").await;
    let writer = database.url_as("late_writer").await;
    assert_eq!(
        land(&writer, &mut Freezer::new(), 300).await,
        [Landed::Stored { dead_lettered: 0 }, Landed::AlreadyStored { dead_lettered: 0 }]
    );
    refused(&writer, &["SELECT * FROM control_plane.audit_logs"]).await;
}

#[tokio::test]
async fn a_user_who_may_make_roles_need_not_be_a_superuser() {
    let database = server().database().await;
    let url = database.user("role_maker", "CREATEROLE").await;
    database
        .execute("DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO role_maker', current_database()); END $$")
        .await;
    let options = Options::new().with_role_prefix("made").unwrap();
    let report = migrate::migrate(&url, &options).await.unwrap();
    assert_eq!(report.notes, [""; 0]);
    let writer = database.url_as("made_writer").await;
    assert_eq!(
        land(&writer, &mut Freezer::new(), 3).await,
        [Landed::Stored { dead_lettered: 0 }, Landed::AlreadyStored { dead_lettered: 0 }]
    );
}

#[tokio::test]
async fn in_somebody_elses_schema_the_guards_stand_alone() {
    let database = server().database().await;
    let url = database.user("lodger", "CREATEROLE").await;
    database.execute("CREATE SCHEMA control_plane; GRANT CREATE, USAGE ON SCHEMA control_plane TO lodger").await;
    let options = Options::new().with_role_prefix("lodged").unwrap();
    let report = migrate::migrate(&url, &options).await.unwrap();
    assert!(report.notes[0].contains("lodger may not grant privileges"), "{:?}", report.notes);
    assert_eq!(
        land(&url, &mut Freezer::new(), 3).await,
        [Landed::Stored { dead_lettered: 0 }, Landed::AlreadyStored { dead_lettered: 0 }]
    );

    database.execute("SELECT control_plane.audit_grant_roles()").await;
    let writer = database.url_as("lodged_writer").await;
    assert_eq!(
        land(&writer, &mut Freezer::new(), 3).await,
        [Landed::Stored { dead_lettered: 0 }, Landed::AlreadyStored { dead_lettered: 0 }]
    );
}

#[tokio::test]
async fn a_user_who_inherits_nothing_can_migrate() {
    let database = server().database().await;
    let url = database.user("disinherited", "CREATEROLE NOINHERIT").await;
    database
        .execute(
            "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO disinherited', current_database()); END $$",
        )
        .await;
    let options = Options::new().with_role_prefix("bequeathed").unwrap();
    let report = migrate::migrate(&url, &options).await.unwrap();
    assert_eq!(report.notes, [""; 0]);
    assert!(migrate::is_current(&url, &options).await.unwrap());
    let owner: String = database
        .value("SELECT relowner::regrole::text FROM pg_class WHERE oid = 'control_plane.audit_migrations'::regclass")
        .await;
    assert_eq!(owner, "bequeathed_owner");
}

#[tokio::test]
async fn databases_that_make_the_same_roles_at_once_do_not_fail() {
    let mut databases = Vec::new();
    for _ in 0..8 {
        databases.push(server().database().await);
    }
    for round in 0..4 {
        let options = Options::new().with_role_prefix(&format!("raced_{round}")).unwrap();
        let options = options.with_schema(Schema::new(&format!("log_{round}")).unwrap());
        let runs: Vec<_> = databases
            .iter()
            .map(|database| {
                let (url, options) = (database.url(), options.clone());
                tokio::spawn(async move { migrate::migrate(&url, &options).await })
            })
            .collect();
        for run in runs {
            assert_eq!(run.await.unwrap().unwrap().notes, [""; 0]);
        }
    }
}
