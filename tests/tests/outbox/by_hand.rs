//! Whoever may write into the outbox may write anything: it must hold nobody else's entries up.

use audit_core::outbox;
use audit_core::store::{self, Schema};
use sqlx::{Connection as _, PgConnection};
use tests::postgres::{execute_at, server};

use crate::ground::{SOON, entry, stored, writer};

/// A row whose time, target and metadata are these texts of SQL.
fn row(created_at: &str, target_id: &str, metadata: &str) -> String {
    format!(
        "INSERT INTO control_plane.audit_outbox (id, created_at, salt, entry)
         VALUES (gen_random_uuid(), {created_at}, decode(repeat('00', 16), 'hex'),
                 jsonb_build_object('actor_type', 'user', 'action', 'door.opened', 'target_type', 'door',
                     'target_id', {target_id}, 'metadata', {metadata}, 'outcome', 'success'))"
    )
}

#[tokio::test]
async fn rows_written_by_hand_hold_nobody_up() {
    let database = server().database().await;
    store::open(&database.url(), &Schema::default()).unwrap().migrate().await.unwrap();
    let caller = database.url_as("audit_caller").await;
    let mut rows = vec![
        row("'infinity'", "'door_1'", "'{}'"),
        row("'-infinity'", "'door_1'", "'{}'"),
        row("'294000-01-01'", "'door_1'", "'{}'"),
        row("'4000-01-01 BC'", "'door_1'", r#"'{"_audit":5}'"#),
        row("now()", "'door_1'", r#"'{"note":"\u0000"}'"#),
    ];
    // More than a batch may have of rows that are refused.
    rows.extend((0..40).map(|_| {
        let incompressible = "(SELECT string_agg(gen_random_uuid()::text, '') FROM generate_series(1, 300))";
        row("now()", incompressible, "'{}'")
    }));
    for row in &rows {
        execute_at(&caller, row).await.unwrap();
    }
    let mut connection = PgConnection::connect(&caller).await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    let id = outbox(&mut tx, entry("door_2")).await.unwrap();
    tx.commit().await.unwrap();

    let writer = writer(&database.url()).start().await.unwrap();
    let stored = stored(&database.url(), rows.len() + 1).await;
    assert!(stored.iter().any(|row| row.id == id), "the entry that was written beside them is stored");
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.stats.drained, report.stats.dead_lettered), (46, 0), "{:?}", report.stats);
}
