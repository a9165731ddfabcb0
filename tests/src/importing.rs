//! What moving in costs: rows of the seed's table, over two years, into the log, and whether all of them arrived as they were.

use std::time::Instant;

use audit_core::import::{Fate, Import, Table};
use audit_core::migrate::{Options, migrate};
use audit_core::query::{Filter, Reader};
use audit_core::store::Schema;
use audit_core::verify::Verifier;
use serde_json::json;

use crate::findings::Findings;
use crate::machine::resident;
use crate::postgres::{Database, Durability, Server};

/// Rows by themselves.
pub const ROWS: u64 = 1_000_000;
/// Rows taken at once, as `audit import` does.
const AT_ONCE: u32 = 2_000;
/// Of time, from those until now.
const YEARS: u32 = 2;
/// The table of the TypeScript package, as its first migration makes it.
pub const SEED: &str = "
    CREATE SCHEMA control_plane;
    CREATE TABLE control_plane.audit_logs (
        id UUID PRIMARY KEY DEFAULT gen_random_uuid(), actor_id TEXT NOT NULL, actor_type TEXT NOT NULL,
        action TEXT NOT NULL, target_type TEXT NOT NULL, target_id TEXT NOT NULL, metadata JSONB, ip_address INET,
        user_agent TEXT, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
    CREATE INDEX idx_audit_logs_actor_id ON control_plane.audit_logs (actor_id);
    CREATE INDEX idx_audit_logs_created_at ON control_plane.audit_logs (created_at DESC);";
/// Its second one.
pub const WITH_REQUEST_ID: &str = "ALTER TABLE control_plane.audit_logs ADD COLUMN request_id TEXT";
const LEGACY: &str = "control_plane.audit_logs_legacy";
/// Columns of the table, as both logs should have them.
const COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, ip_address, user_agent, created_at";

/// Imports so many rows, compares them field by field, verifies the log, and asks for some. Prints what it took.
///
/// # Panics
///
/// When a row is not in the log as it was.
pub async fn run(rows: u64) -> Findings {
    let server = Server::tuned(Durability::On).await;
    let database = server.database().await;
    database.execute(SEED).await;
    fill(&database, rows, YEARS).await;
    database.execute(WITH_REQUEST_ID).await;
    database.execute("UPDATE control_plane.audit_logs SET request_id = 'req_' || target_id").await;
    let url = database.url();
    migrate(&url, &Options::new()).await.expect("the database is new");

    let idle = resident();
    let (mut most, began) = (idle, Instant::now());
    let mut table = Table::open(&url, LEGACY, &[]).await.expect("the table was set aside");
    assert!(table.has_unique_ids(), "its id is a primary key");
    let schema = Schema::default();
    let import = Import::into_log(&url, &schema, LEGACY).unique_ids();
    let mut import = import.start().await.expect("the log is there");
    loop {
        let records = table.next(AT_ONCE).await.expect("the table is read");
        if records.is_empty() {
            break;
        }
        let fates = import.take(&records).await.expect("the log takes them");
        assert!(fates.iter().all(|fate| *fate == Fate::Imported), "a row did not arrive as it was");
        most = most.max(resident());
    }
    table.close().await;
    let in_log = import.finish().await.expect("the log is counted");
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(in_log, rows, "rows are missing");
    assert_eq!(differing(&database, ", request_id").await, 0, "a field is not as it was");

    let report = Verifier::new(&url, &schema).run(|_| ()).await.expect("the log is read");
    assert!(report.is_intact() && report.entries == rows, "{:?}", report.breaks);
    let reader = Reader::connect(&url, &schema).await.expect("the log is there");
    for nth in [1, rows / 2, rows] {
        let question: Filter =
            format!("target:target_{nth} request:req_target_{nth}").parse().expect("a good question");
        assert_eq!(reader.page(&question.into()).await.expect("an answer").rows.len(), 1, "row {nth} is not found");
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
    let rate = rows as f64 / seconds;
    println!(
        "{rows} rows in {seconds:.1} s, {rate:.0} a second, with {} MiB of memory above the idle {}",
        (most - idle) >> 20,
        idle >> 20
    );
    println!(
        "all are as they were, field by field; verified: {} entries in {} batches",
        report.entries, report.batches
    );
    let figures = json!({ "rows": rows, "seconds": seconds, "rate": rate, "idle_bytes": idle, "most_bytes": most });
    Findings::new("import", figures)
}

/// Rows of every kind, from years ago until now.
pub async fn fill(database: &Database<'_>, rows: u64, years: u32) {
    database
        .execute(&format!(
            "INSERT INTO control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id, metadata,
                                                   ip_address, user_agent, created_at)
             SELECT 'user_' || n % 7, (ARRAY['user', 'system', 'api_key'])[n % 3 + 1],
                    (ARRAY['project.created', 'key.rotated', 'billing.run_started'])[n % 3 + 1],
                    (ARRAY['project', 'api_key', 'run'])[n % 3 + 1], 'target_' || n,
                    CASE WHEN n % 5 > 0 THEN jsonb_build_object('n', n, 'changes', jsonb_build_object('name', 'My ☃ ' || n)) END,
                    (ARRAY['192.168.1.1', '2001:db8::7', NULL])[n % 3 + 1]::inet,
                    CASE WHEN n % 4 > 0 THEN 'Mozilla/5.0 (' || n || ')' END,
                    now() - n * interval '{years} years' / {rows}
               FROM generate_series(1, {rows}) n"
        ))
        .await;
}

/// How many rows of the old table the log has not, or otherwise; `also` are columns beyond those of the first migration. That an
/// action is unlisted is said under `_audit`.
pub async fn differing(database: &Database<'_>, also: &str) -> i64 {
    let columns = |metadata| format!("{COLUMNS}{also}, {metadata} AS metadata");
    let old = columns("coalesce(metadata, '{}')");
    let new = columns("metadata - '_audit'");
    database
        .value(&format!(
            "SELECT count(*) FROM ((SELECT {old} FROM {LEGACY}
                                    EXCEPT ALL SELECT {new} FROM control_plane.audit_logs)
                         UNION ALL (SELECT {new} FROM control_plane.audit_logs
                                    EXCEPT ALL SELECT {old} FROM {LEGACY})) d"
        ))
        .await
}
