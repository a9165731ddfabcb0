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
/// The table of the TypeScript package, as its two migrations make it.
const SEED: &str = "CREATE SCHEMA control_plane;
    CREATE TABLE control_plane.audit_logs (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), actor_id text NOT NULL, actor_type text NOT NULL,
        action text NOT NULL, target_type text NOT NULL, target_id text NOT NULL, metadata jsonb, ip_address inet,
        user_agent text, created_at timestamptz NOT NULL DEFAULT now(), request_id text)";
const LEGACY: &str = "control_plane.audit_logs_legacy";
const COLUMNS: &str =
    "id, actor_id, actor_type, action, target_type, target_id, ip_address, user_agent, created_at, request_id";

/// Imports so many rows, compares them field by field, verifies the log, and asks for some. Prints what it took.
///
/// # Panics
///
/// When a row is not in the log as it was.
pub async fn run(rows: u64) -> Findings {
    let server = Server::tuned(Durability::On).await;
    let database = server.database().await;
    database.execute(SEED).await;
    database.execute(&fill(rows)).await;
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
    assert_eq!(differing(&database).await, 0, "a field is not as it was");

    let report = Verifier::new(&url, &schema).run(|_| ()).await.expect("the log is read");
    assert!(report.is_intact() && report.entries == rows, "{:?}", report.breaks);
    let reader = Reader::connect(&url, &schema).await.expect("the log is there");
    for nth in [1, rows / 2, rows] {
        let question: Filter = format!("target:target_{nth} request:req_{nth}").parse().expect("a good question");
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

/// Rows of every kind.
fn fill(rows: u64) -> String {
    format!(
        "INSERT INTO control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
                                               created_at, request_id)
         SELECT 'user_' || n % 1000, (ARRAY['user', 'system', 'api_key'])[n % 3 + 1],
                (ARRAY['project.created', 'key.rotated', 'billing.run_started'])[n % 3 + 1],
                (ARRAY['project', 'api_key', 'run'])[n % 3 + 1], 'target_' || n,
                CASE WHEN n % 5 > 0 THEN jsonb_build_object('n', n, 'changes', jsonb_build_object('name', 'My ☃ ' || n)) END,
                (ARRAY['192.168.1.1', '2001:db8::7', NULL])[n % 3 + 1]::inet,
                CASE WHEN n % 4 > 0 THEN 'Mozilla/5.0 (' || n || ')' END,
                now() - n * interval '2 years' / {rows}, 'req_' || n
           FROM generate_series(1, {rows}) n"
    )
}

/// How many rows either table has that the other has not. That an action is unlisted is said under `_audit`.
async fn differing(database: &Database<'_>) -> i64 {
    let old = format!("SELECT {COLUMNS}, coalesce(metadata, '{{}}') FROM {LEGACY}");
    let new = format!("SELECT {COLUMNS}, metadata - '_audit' FROM control_plane.audit_logs");
    database
        .value(&format!(
            "SELECT count(*) FROM (({old} EXCEPT ALL {new}) UNION ALL ({new} EXCEPT ALL {old})) AS differing"
        ))
        .await
}
