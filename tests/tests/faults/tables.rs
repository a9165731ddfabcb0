//! What happens to tables, rows and rights.

use std::collections::HashSet;
use std::time::Duration;

use audit_core::Migrate;
use audit_core::migrate::{self, Options};
use audit_core::store::ErrorClass;
use sqlx::Connection as _;
use tests::disk::quick_folder;
use tests::oracle::Log;
use tests::postgres::{Durability, Server, server};
use tests::proxy::{Manner, Proxy};

use crate::support::{Load, SOON, WRITERS, builder, entry_about, loaded, until};

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
    assert_eq!(load.judged_with_poison(&database.url()).await.dead_letters, 5);
}

/// Fault 25: a partition that the writer has seen is dropped; its rows come back from a copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_dropped_is_made_again() {
    let database = server().database().await;
    let load = Load::start(builder(&database.url()).store_timeout(SOON)).await;
    load.stores(200).await;
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
    assert_eq!(load.stats().retries, 0, "the batch that found no partition is sent again at once");
    database.execute("INSERT INTO control_plane.audit_logs SELECT * FROM copy").await;
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

/// Fault 25: the table is dropped, with all that was in it, and comes back from a backup of that moment: nothing is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_dropped_and_restored_gets_what_came_meanwhile() {
    let (database, load) = loaded(server()).await;
    let mut other = database.connect().await;
    let mut transaction = other.begin().await.expect("a transaction begins");
    let lock = "LOCK TABLE control_plane.audit_logs IN SHARE MODE";
    sqlx::raw_sql(lock).execute(&mut *transaction).await.expect("the writer's transactions are short");
    let backup = database.dump("control_plane.audit_logs*");
    sqlx::raw_sql("DROP TABLE control_plane.audit_logs").execute(&mut *transaction).await.expect("it can be dropped");
    transaction.commit().await.expect("the connection is well");
    load.fails_with("SQLSTATE 42P01").await;
    database.restore(&backup);
    load.stores(200).await;
    load.judged(&database.url()).await;
}

/// Fault 25: every table is dropped, and made again by a migration. What the store had acknowledged before is gone with
/// them, and no writer can bring it back: the judgement leaves it out. What was acknowledged since comes from the journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_dropped_and_migrated_anew_gets_what_was_acknowledged_since() {
    let database = server().database().await;
    let journal = quick_folder();
    let writer = builder(&database.url()).journal(journal.path()).start().await.expect("the writer starts");
    let record = || async { writer.auditor().record(entry_about("door_7")).durable().await.expect("it is kept") };
    let mut gone = HashSet::new();
    for _ in 0..50 {
        gone.insert(record().await);
    }
    database.execute("DROP SCHEMA control_plane CASCADE").await;
    let mut kept = HashSet::new();
    for _ in 0..50 {
        kept.insert(record().await);
    }
    let stats = writer.stats();
    assert_eq!((stats.journaled, stats.last_error_class), (50, Some(ErrorClass::Operator)), "{stats:?}");
    migrate::migrate(&database.url(), &Options::new()).await.expect("an empty database");
    for _ in 0..50 {
        kept.insert(record().await);
    }
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.lost, report.journaled, report.stats.dropped), (0, 0, 0), "{report:?}");
    let log = Log::read(&database.url()).await;
    let verdict = log.judge_with(&kept, &gone);
    assert!(verdict.missing.is_empty() && verdict.twice.is_empty() && verdict.dead_letters == 0, "{verdict}");
    assert_eq!(verdict.rows, 100, "{verdict}");
    // The streams go on where they were, so that whoever verifies the log is told that their beginnings are missing.
    assert!(!log.breaks.is_empty(), "{verdict}");
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
    load.judged(&database.at(&standby).url()).await;
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
