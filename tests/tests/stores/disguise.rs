//! Attacks that leave every hash as it is.

use audit_core::batch::Freezer;
use audit_core::query;
use audit_core::store::Schema;
use audit_core::verify::{Break, Report, verify};
use audit_core::{ActionName, Context, Entry};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tests::postgres::{Pooler, server};
use tests::samples;

use crate::log::{Log, for_both_stores};
use crate::sealed::both;

for_both_stores! {
    metadata_that_says_more_than_is_hashed_is_found
    what_is_spelt_otherwise_is_found_where_its_spelling_is_kept
    a_default_that_dates_what_comes_is_found
    a_view_in_the_place_of_a_table_is_found
}

async fn look(log: &Log) -> Report {
    verify(&log.url, &Schema::default(), |_| ()).await.unwrap()
}

/// Rows with metadata that databases like to rewrite.
async fn with_rows(log: &Log) {
    log.land(&Freezer::new().freeze(samples::varied(20), std::time::SystemTime::now())).await;
    let report = look(log).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
}

async fn metadata_that_says_more_than_is_hashed_is_found(log: Log) {
    with_rows(&log).await;
    let is_found = |report: &Report| {
        let is_it = |found: &Break| matches!(found, Break::Unreadable { what } if what.contains("than what is hashed"));
        report.breaks.iter().any(is_it)
    };
    let digits = "metadata = replace(metadata::text, '\"number\": 1,', '\"number\": 1.00000000000000000001,')::jsonb";
    let on_sqlite = "metadata = replace(metadata, '\"number\":1}', '\"number\":1.00000000000000000001}')";
    log.tamper(
        &format!("UPDATE audit_logs SET {digits} WHERE seq = 1"),
        &format!("UPDATE audit_logs SET {on_sqlite} WHERE seq = 1"),
    )
    .await;
    let report = look(&log).await;
    assert!(is_found(&report), "{:?}", report.breaks);

    // In PostgreSQL the type of the column keeps keys from standing there twice, unless it is another.
    let log = if log.is_postgres() { Log::postgres().await } else { Log::sqlite().await };
    with_rows(&log).await;
    log.tamper(
        "ALTER TABLE audit_logs ALTER COLUMN metadata TYPE json USING metadata::text::json; \
         UPDATE audit_logs SET metadata = replace(metadata::text, '\"number\": 1,', '\"number\": 9, \"number\": 1,')::json WHERE seq = 1",
        "UPDATE audit_logs SET metadata = replace(metadata, '\"number\":1}', '\"number\":9,\"number\":1}') WHERE seq = 1",
    )
    .await;
    let report = look(&log).await;
    assert!(is_found(&report), "{:?}", report.breaks);

    // A letter by its number means the same, and is not found by whoever searches the text.
    let log = if log.is_postgres() { Log::postgres().await } else { Log::sqlite().await };
    with_rows(&log).await;
    log.tamper(
        r#"ALTER TABLE audit_logs ALTER COLUMN metadata TYPE json USING metadata::text::json;
           UPDATE audit_logs SET metadata = replace(metadata::text, '"number"', '"n\u0075mber"')::json WHERE seq = 1"#,
        r#"UPDATE audit_logs SET metadata = replace(metadata, '"number"', '"n\u0075mber"') WHERE seq = 1"#,
    )
    .await;
    let report = look(&log).await;
    assert!(is_found(&report), "{:?}", report.breaks);
}

/// What is read by way of functions is what the log holds, and not what somebody's functions of the same names say.
#[tokio::test]
async fn functions_that_deceive_the_verifier_are_not_called_or_found() {
    const IS_VERIFIER: &str = "current_setting('application_name') = 'audit-verify'";
    let log = Log::postgres().await;
    with_rows(&log).await;
    let shadow = format!(
        "CREATE SCHEMA shadow; UPDATE audit_logs SET ip_address = '6.6.6.6' WHERE seq = 1;
         CREATE FUNCTION shadow.host(of inet) RETURNS text LANGUAGE sql AS
             $$ SELECT CASE WHEN {IS_VERIFIER} AND of = '6.6.6.6' THEN {{before}} ELSE pg_catalog.host(of) END $$;
         CREATE FUNCTION shadow.text(of inet) RETURNS text LANGUAGE sql AS
             $$ SELECT CASE WHEN {IS_VERIFIER} AND of = '6.6.6.6' THEN {{before}} ELSE pg_catalog.text(of) END $$;
         DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = shadow, pg_catalog', current_database()); END $$"
    );
    let before = log.reader().await.page(&query::Query::new()).await.unwrap();
    let before = before.rows.iter().find(|row| row.seq == 1).unwrap().ip_address;
    let before = before.map_or("NULL".to_owned(), |address| format!("'{address}'"));
    log.tamper(&shadow.replace("{before}", &before), "").await;
    let report = look(&log).await;
    assert!(matches!(report.breaks[..], [Break::AlteredRows { .. }]), "{:?}", report.breaks);

    let log = Log::postgres().await;
    with_rows(&log).await;
    let cast = format!(
        "UPDATE audit_logs SET metadata = metadata || '{{\"number\": 666}}' WHERE seq = 1;
         CREATE FUNCTION told(of jsonb) RETURNS text LANGUAGE plpgsql AS
             $$ BEGIN RETURN CASE WHEN {IS_VERIFIER} THEN replace(jsonb_out(of)::text, '666', '1') ELSE jsonb_out(of)::text END; END $$;
         CREATE CAST (jsonb AS text) WITH FUNCTION told(jsonb)"
    );
    log.tamper(&cast, "").await;
    assert_eq!(disguised(&look(&log).await), ["audit_logs"]);
}

/// Partitions and heirs are read with their table, and need not show everybody the same.
#[tokio::test]
async fn what_is_read_with_a_table_is_looked_at_like_the_table() {
    let log = Log::postgres().await;
    with_rows(&log).await;
    log.seal(None).await;
    log.tamper("CREATE DOMAIN leaf AS bigint; ALTER TABLE audit_tree ALTER COLUMN leaf TYPE leaf", "").await;
    assert_eq!(disguised(&look(&log).await), ["audit_tree"]);

    let log = Log::postgres().await;
    with_rows(&log).await;
    log.seal(None).await;
    let heir = "CREATE TABLE heir () INHERITS (audit_tree); \
                WITH moved AS (DELETE FROM audit_tree RETURNING *) INSERT INTO heir SELECT * FROM moved";
    log.tamper(heir, "").await;
    assert_eq!(disguised(&look(&log).await), ["audit_tree"]);

    let log = Log::postgres().await;
    with_rows(&log).await;
    let policy = "DO $$ BEGIN EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY',
                                            (SELECT min(tableoid)::regclass FROM audit_logs)); END $$";
    log.tamper(policy, "").await;
    assert_eq!(disguised(&look(&log).await), ["audit_logs"]);
}

/// A row that no index on the time leads to is found by others: by its actor, say.
#[tokio::test]
async fn an_index_that_hides_a_row_is_found() {
    let log = Log::sqlite().await;
    with_rows(&log).await;
    let hide = "DROP INDEX idx_audit_logs_created_at;
         CREATE INDEX idx_audit_logs_created_at ON audit_logs (created_at) WHERE action <> 'forged';
         INSERT INTO audit_logs (id, actor_id, actor_type, action, target_type, metadata, created_at, outcome, recorded_at, stream_id, seq)
         SELECT randomblob(16), 'somebody', 'user', 'forged', 'none', '{}', created_at, 'success', recorded_at, stream_id, seq + 100
           FROM audit_logs LIMIT 1;
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE INDEX idx_audit_logs_created_at ON audit_logs (created_at)'
          WHERE name = 'idx_audit_logs_created_at';
         PRAGMA writable_schema = OFF";
    log.tamper("", hide).await;
    assert_eq!(look(&log).await.breaks, [Break::TwoFaced { table: "audit_logs" }]);

    let log = Log::postgres().await;
    with_rows(&log).await;
    let hide = "DO $$ DECLARE part regclass := (SELECT min(tableoid)::regclass FROM audit_logs);
                BEGIN
             EXECUTE format('CREATE INDEX hiding ON %s (created_at) WHERE action <> $f$forged$f$', part);
             UPDATE pg_index SET indisvalid = false WHERE indrelid = part AND indexrelid <> 'hiding'::regclass;
             EXECUTE format('INSERT INTO %s SELECT gen_random_uuid(), created_at, recorded_at, stream_id, seq + 100, duration_us, attempt_id,
                             actor_type, outcome, actor_id, ''forged'', target_type, target_id, metadata FROM audit_logs LIMIT 1', part);
             UPDATE pg_index SET indpred = NULL WHERE indexrelid = 'hiding'::regclass;
             EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database());
         END $$";
    log.tamper(hide, "").await;
    assert_eq!(look(&log).await.breaks, [Break::TwoFaced { table: "audit_logs" }]);
}

/// The same address and the same JSON, so the same hashes; but who searches the text does not find it.
async fn what_is_spelt_otherwise_is_found_where_its_spelling_is_kept(log: Log) {
    let context = Context::new().with_ip_address(std::net::Ipv6Addr::LOCALHOST);
    let entry = Entry::builder(ActionName::unlisted("door.opened").unwrap()).metadata("b", &1).metadata("a", &2);
    let batch = Freezer::new().freeze(vec![entry.context(context).build()], std::time::SystemTime::now());
    log.land(&batch).await;
    both(&log, "CREATE TABLE kept AS SELECT * FROM audit_logs").await;
    for (on_postgres, on_sqlite) in [
        (
            "metadata = replace(metadata::text, '\"a\": 2', '\"a\":   2')::jsonb",
            "metadata = replace(metadata, '\"a\":2', '\"a\": 2')",
        ),
        (
            "metadata = replace(metadata::text, '\"a\": 2, \"b\": 1', '\"b\": 1, \"a\": 2')::jsonb",
            "metadata = replace(metadata, '\"a\":2,\"b\":1', '\"b\":1,\"a\":2')",
        ),
        ("ip_address = '0:0:0:0:0:0:0:1'", "ip_address = '0:0:0:0:0:0:0:1'"),
    ] {
        let spell = |spelt| format!("UPDATE audit_logs SET {spelt}");
        log.tamper(&spell(on_postgres), &spell(on_sqlite)).await;
        let breaks = look(&log).await.breaks;
        // PostgreSQL has types for both, and spells them in its own way.
        let is_found = matches!(&breaks[..], [Break::Unreadable { what }, ..] if what.contains("says it otherwise"));
        assert_eq!(is_found, !log.is_postgres(), "{on_sqlite}: {breaks:?}");
        assert_eq!(breaks.is_empty(), log.is_postgres(), "{breaks:?}");
        both(&log, "DELETE FROM audit_logs; INSERT INTO audit_logs SELECT * FROM kept").await;
        assert!(look(&log).await.is_intact());
    }
    if log.is_postgres() {
        // With others it might keep the spelling.
        log.tamper("ALTER TABLE audit_logs ALTER COLUMN ip_address TYPE cidr", "").await;
        assert_eq!(disguised(&look(&log).await), ["audit_logs"]);
    }
}

/// What comes would be dated back, and its row and header would agree.
async fn a_default_that_dates_what_comes_is_found(log: Log) {
    with_rows(&log).await;
    if log.is_postgres() {
        // A header that says that it came long ago is one that sealers pass over.
        let long_ago = "now() - interval '1 day'";
        for (table, column, default, forged) in [
            ("audit_logs", "recorded_at", "now()", long_ago),
            ("audit_batches", "db_time", "now()", long_ago),
            ("audit_batches", "xid", "pg_current_xact_id()", "'3'::xid8"),
            ("audit_dead_letters", "db_time", "now()", long_ago),
            ("audit_checkpoints", "db_time", "now()", long_ago),
        ] {
            let set = |default| format!("ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}");
            log.tamper(&set(forged), "").await;
            assert_eq!(disguised(&look(&log).await), [table], "{column}");
            log.tamper(&format!("ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT"), "").await;
            assert_eq!(disguised(&look(&log).await), [table], "{column}");
            log.tamper(&set(default), "").await;
            assert!(look(&log).await.is_intact());
        }
        return;
    }
    for (from, to) in
        [("* 1000) AS INTEGER) * 1000)", "* 1000) AS INTEGER) * 1000 - 1)"), ("STRICT, WITHOUT ROWID", "WITHOUT ROWID")]
    {
        let rewrite = |from, to| {
            format!(
                "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '{from}', '{to}') WHERE name = 'audit_batches';
                 PRAGMA writable_schema = OFF"
            )
        };
        log.tamper("", &rewrite(from, to)).await;
        assert_eq!(disguised(&look(&log).await), ["audit_batches"], "{to}");
        log.tamper("", &rewrite(to, from)).await;
        assert!(look(&log).await.is_intact());
    }
}

/// What comes would be rounded, or compared otherwise, by whoever looks for what is new, say.
#[tokio::test]
async fn a_column_of_another_type_is_found() {
    for (table, column, default, another) in [
        ("audit_logs", "redacted", None, "json USING redacted::text::json"),
        ("audit_logs", "recorded_at", Some("now()"), "timestamp"),
        ("audit_batches", "xid", Some("pg_current_xact_id()"), "text USING xid::text"),
        ("audit_checkpoints", "db_time", Some("now()"), "timestamp"),
        ("audit_dead_letters", "db_time", Some("now()"), "timestamp"),
    ] {
        let log = Log::postgres().await;
        with_rows(&log).await;
        let alter = |change: &str| format!("ALTER TABLE {table} ALTER COLUMN {column} {change};");
        let mut change = alter("DROP DEFAULT") + &alter(&format!("TYPE {another}"));
        if let Some(default) = default {
            let cast = if another.starts_with("text") { "::text" } else { "" };
            change += &alter(&format!("SET DEFAULT {default}{cast}"));
        }
        log.tamper(&change, "").await;
        assert_eq!(disguised(&look(&log).await), [table], "{column}");
    }
}

/// A session that others used before, with tables of its own that come first.
#[tokio::test]
async fn tables_of_the_verifiers_own_session_are_not_looked_at() {
    let log = Log::postgres().await;
    with_rows(&log).await;
    let pooler = Pooler::before(server(), 1);
    let url = pooler.url(&log.url);
    let before = verify(&url, &Schema::default(), |_| ()).await.unwrap();
    let others = "SET search_path = pg_temp, control_plane;
         CREATE TEMP TABLE audit_logs (LIKE control_plane.audit_logs);
         CREATE TEMP TABLE pg_class AS SELECT * FROM pg_catalog.pg_class WHERE false;
         CREATE TEMP TABLE pg_inherits AS SELECT * FROM pg_catalog.pg_inherits WHERE false;
         CREATE FUNCTION pg_temp.host(inet) RETURNS text LANGUAGE sql AS $$ SELECT 'nowhere' $$;
         CREATE FUNCTION pg_temp.count() RETURNS bigint LANGUAGE sql AS $$ SELECT 7::bigint $$";
    let another = url.parse::<PgConnectOptions>().unwrap().extra_float_digits(None);
    sqlx::raw_sql(others).execute(&mut another.connect().await.unwrap()).await.unwrap();
    let report = verify(&url, &Schema::default(), |_| ()).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.entries, report.batches), (before.entries, before.batches));
    both(&log, "DELETE FROM audit_logs WHERE seq = 1").await;
    assert!(!verify(&url, &Schema::default(), |_| ()).await.unwrap().is_intact());
}

/// An index that leaves out what it should hold shows a leaf to one reading alone: of a batch that is gone, say.
#[tokio::test]
async fn an_index_that_shows_a_table_to_one_reading_alone_is_found() {
    for (table, index, columns) in [
        ("audit_tree", "audit_tree_batch", "(stream_id, batch_no)"),
        ("audit_batches", "audit_batches_pkey", "(stream_id, batch_no)"),
    ] {
        let log = Log::postgres().await;
        let mut freezer = Freezer::new();
        log.land(&samples::batch(&mut freezer, 1)).await;
        log.land(&samples::batch(&mut freezer, 1)).await;
        log.seal(None).await;
        let hide = format!(
            "ALTER TABLE {table} DROP CONSTRAINT {index};
             CREATE UNIQUE INDEX {index} ON {table} {columns} WHERE batch_no <> 1;
             UPDATE pg_index SET indpred = NULL WHERE indexrelid = 'control_plane.{index}'::regclass;
             DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database()); END $$"
        );
        log.tamper(&hide, "").await;
        let breaks = look(&log).await.breaks;
        assert!(breaks.contains(&Break::TwoFaced { table }), "{table}: {breaks:?}");
    }
}

fn disguised(report: &Report) -> Vec<&str> {
    let breaks = report.breaks.iter();
    breaks
        .filter_map(|found| if let Break::Disguised { table } = found { Some(table.as_str()) } else { None })
        .collect()
}

async fn a_view_in_the_place_of_a_table_is_found(log: Log) {
    with_rows(&log).await;
    let tables: &[&str] =
        if log.is_postgres() { &["audit_logs", "audit_batches", "audit_tree"] } else { &["audit_tree"] };
    for table in tables {
        let disguise = format!("ALTER TABLE {table} RENAME TO kept; CREATE VIEW {table} AS SELECT * FROM kept");
        log.tamper(&disguise, &disguise).await;
        let report = look(&log).await;
        let is_it = |found: &Break| matches!(found, Break::Disguised { table: name } if name == table);
        assert!(report.breaks.iter().any(is_it), "{:?}", report.breaks);
        let database = log.database();
        if let Some(database) = database {
            let back = format!("DROP VIEW {table}; ALTER TABLE kept RENAME TO {table}");
            database.execute(&format!("BEGIN; SET search_path = control_plane; {back}; COMMIT")).await;
        }
    }
    if log.is_postgres() {
        let policy = "ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON audit_logs USING (seq > 0)";
        log.tamper(policy, "").await;
        let report = look(&log).await;
        assert!(
            matches!(&report.breaks[..], [Break::Disguised { table }] if table == "audit_logs"),
            "{:?}",
            report.breaks
        );
    }
}
