//! Attacks that leave every hash as it is.

use audit_core::batch::Freezer;
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
