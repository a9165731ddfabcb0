//! What happens to tables, rows and rights.

use audit_core::Migrate;
use tests::postgres::server;

use crate::support::{Load, WRITERS, builder, entry_about, loaded, until};

/// Fault 19: a row that the table refuses, among hundreds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_row_is_kept_apart_and_the_rest_lands() {
    let (database, load) = loaded(server()).await;
    database
        .execute("ALTER TABLE control_plane.audit_logs ADD CONSTRAINT fine CHECK (target_id <> 'poison') NOT VALID")
        .await;
    for poison in 1..=5 {
        load.record(entry_about("poison")).await;
        until("a dead letter", || load.stats().dead_lettered == poison).await;
        load.stores(500).await;
    }
    let verdict = load.judged(&database.url()).await;
    assert_eq!(verdict.dead_letters, 5);
}

/// Fault 25: a partition is gone that the writer has seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_goes_is_made_again() {
    let (database, load) = loaded(server()).await;
    let partition: String =
        database.value("SELECT tableoid::regclass::text FROM control_plane.audit_logs LIMIT 1").await;
    database.execute(&format!("ALTER TABLE control_plane.audit_logs DETACH PARTITION {partition}")).await;
    load.stores(200).await;
    database.execute(&format!("INSERT INTO control_plane.audit_logs SELECT * FROM {partition}")).await;
    load.judged(&database.url()).await;
}

/// Fault 25: the table is gone, and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_gone_is_waited_for() {
    let (database, load) = loaded(server()).await;
    for table in ["audit_logs", "audit_batches"] {
        database.execute(&format!("ALTER TABLE control_plane.{table} RENAME TO elsewhere")).await;
        load.fails_with("SQLSTATE 42P01").await;
        database.execute(&format!("ALTER TABLE control_plane.elsewhere RENAME TO {table}")).await;
        load.stores(200).await;
    }
    load.judged(&database.url()).await;
}

/// Fault 25: the server becomes read-only, as after a failover to a replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_server_is_waited_for() {
    let (database, load) = loaded(server()).await;
    database.set("default_transaction_read_only", "on").await;
    database.execute(&format!("SELECT pg_terminate_backend(pid) {WRITERS}")).await;
    load.fails_with("SQLSTATE 25006").await;
    database.set("default_transaction_read_only", "off").await;
    database.execute(&format!("SELECT pg_terminate_backend(pid) {WRITERS}")).await;
    load.stores(200).await;
    load.judged(&database.url()).await;
}

/// Fault 25: the writer's user may not log in for a while, or not write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_are_taken_and_given_back_cost_nothing() {
    let database = server().database().await;
    Load::start(builder(&database.url())).await.judged(&database.url()).await;
    let user = "fault_writer";
    let url = database.user(user, "IN ROLE audit_writer").await;
    let load = Load::start(builder(&url).migrate(Migrate::Skip)).await;
    load.stores(200).await;
    for (take, says, give) in [
        (format!("ALTER USER {user} NOLOGIN"), "SQLSTATE 28000", format!("ALTER USER {user} LOGIN")),
        (format!("REVOKE audit_writer FROM {user}"), "SQLSTATE 42501", format!("GRANT audit_writer TO {user}")),
    ] {
        database.execute(&take).await;
        database.execute(&format!("SELECT pg_terminate_backend(pid) {WRITERS}")).await;
        load.fails_with(says).await;
        database.execute(&give).await;
        load.stores(200).await;
    }
    load.judged(&database.url()).await;
}
