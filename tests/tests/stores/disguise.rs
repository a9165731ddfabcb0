//! Attacks that leave every hash as it is.

use audit_core::batch::Freezer;
use audit_core::query;
use audit_core::store::Schema;
use audit_core::verify::{Break, Report, verify};
use tests::samples;

use crate::log::{Log, for_both_stores};

for_both_stores! {
    metadata_that_says_more_than_is_hashed_is_found
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
         CREATE INDEX idx_audit_logs_created_at ON audit_logs (created_at DESC) WHERE action <> 'forged';
         INSERT INTO audit_logs (id, actor_id, actor_type, action, target_type, metadata, created_at, outcome, recorded_at, stream_id, seq)
         SELECT randomblob(16), 'somebody', 'user', 'forged', 'none', '{}', created_at, 'success', recorded_at, stream_id, seq + 100
           FROM audit_logs LIMIT 1;
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE INDEX idx_audit_logs_created_at ON audit_logs (created_at DESC)'
          WHERE name = 'idx_audit_logs_created_at';
         PRAGMA writable_schema = OFF";
    log.tamper("", hide).await;
    assert_eq!(disguised(&look(&log).await), ["audit_logs"]);
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
