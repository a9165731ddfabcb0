//! What happens to tables, rows and rights.

use std::time::Duration;

use audit_core::Migrate;
use tests::postgres::{Durability, Server, server};
use tests::proxy::{Manner, Proxy};

use crate::support::{Load, WRITERS, builder, entry_about, loaded, until};

/// Fault 19: a row that the table refuses, among five hundred.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_row_is_kept_apart_and_the_rest_lands() {
    let database = server().database().await;
    // Batches are full before they have lingered.
    let builder = builder(&database.url()).lanes(1).batch_rows(500).linger(Duration::from_secs(10));
    let load = Load::start(builder).await;
    load.stores(500).await;
    database
        .execute("ALTER TABLE control_plane.audit_logs ADD CONSTRAINT fine CHECK (target_id <> 'poison') NOT VALID")
        .await;
    for poison in 1..=5 {
        load.record(entry_about("poison")).await;
        until("a dead letter", || load.stats().dead_lettered == poison).await;
        load.stores(500).await;
    }
    let full = "SELECT count(*) FROM control_plane.audit_batches JOIN control_plane.audit_dead_letters
                 USING (stream_id, batch_no) WHERE n = 500";
    assert_eq!(database.value::<i64>(full).await, 5);
    let verdict = load.judged(&database.url()).await;
    assert_eq!(verdict.dead_letters, 5);
}

/// Fault 25: a partition that the writer has seen is dropped; its rows come back from a copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_dropped_is_made_again() {
    let (database, load) = loaded(server()).await;
    let partition: String =
        database.value("SELECT tableoid::regclass::text FROM control_plane.audit_logs LIMIT 1").await;
    database
        .execute(&format!(
            "BEGIN;
             LOCK TABLE control_plane.audit_logs;
             CREATE TABLE copy AS SELECT * FROM {partition};
             DROP TABLE {partition};
             COMMIT"
        ))
        .await;
    load.stores(200).await;
    let made_again: bool = database.value(&format!("SELECT to_regclass('{partition}') IS NOT NULL")).await;
    assert!(made_again);
    database.execute("INSERT INTO control_plane.audit_logs SELECT * FROM copy").await;
    assert_eq!(load.judged(&database.url()).await.dead_letters, 0);
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
    assert_eq!(load.judged(&database.url()).await.dead_letters, 0);
}

/// Fault 25: a failover, first to a replica that is read-only and then is no longer. The server that was there before
/// is killed; what it acknowledged the replica has, and of what it did not acknowledge perhaps some.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_to_a_replica_costs_nothing() {
    let server = Server::start(Durability::Off);
    let database = server.database().await;
    let standby = server.standby().await;
    let proxy = Proxy::before(server.port(), Manner::Pass);
    let load = Load::start(builder(&proxy.url(&database.url()))).await;
    load.stores(200).await;
    server.kill();
    proxy.lead_to(standby.port());
    load.fails_with("SQLSTATE 25006").await;
    standby.promote().await;
    load.stores(200).await;
    assert_eq!(load.judged(&database.at(&standby).url()).await.dead_letters, 0);
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
    assert_eq!(load.judged(&database.url()).await.dead_letters, 0);
}
