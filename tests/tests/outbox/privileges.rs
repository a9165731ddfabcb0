//! Who may do what with the outbox, each role under its own privileges alone.

use std::collections::HashSet;
use std::time::Duration;

use audit_core::migrate::{self, Options};
use audit_core::{Migrate, outbox};
use sqlx::{Connection as _, PgConnection};
use tests::postgres::{Database, execute_at, server};

use crate::ground::{SOON, assert_exactly, entry, rows, stored, writer};

async fn migrated() -> Database<'static> {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    database
}

async fn refused(url: &str, statements: &[&str]) {
    for statement in statements {
        let error = execute_at(url, statement).await.expect_err(statement);
        let code = error.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_caller_can_write_entries_and_nothing_else() {
    let database = migrated().await;
    let url = database.url_as("audit_caller").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    outbox(&mut connection, entry("written")).await.unwrap();
    assert_eq!(database.value::<i64>("SELECT count(*) FROM control_plane.audit_outbox").await, 1);
    refused(
        &url,
        &[
            "SELECT * FROM control_plane.audit_outbox",
            "DELETE FROM control_plane.audit_outbox",
            "UPDATE control_plane.audit_outbox SET entry = '{}'",
            "INSERT INTO control_plane.audit_outbox (stream_id) VALUES (gen_random_uuid())",
            "TRUNCATE control_plane.audit_outbox",
            "SELECT * FROM control_plane.audit_logs",
            "INSERT INTO control_plane.audit_logs (id) VALUES (gen_random_uuid())",
        ],
    )
    .await;
}

#[tokio::test]
async fn writer_and_drainer_together_move_entries_and_cannot_change_them() {
    let database = migrated().await;
    let committed = HashSet::from([outbox(&mut database.connect().await, entry("moved")).await.unwrap()]);
    database.url_as("audit_writer").await;
    let url = database.user("audit_both", "IN ROLE audit_writer, audit_drainer").await;
    refused(
        &url,
        &[
            "UPDATE control_plane.audit_outbox SET entry = '{}'",
            "UPDATE control_plane.audit_outbox SET id = gen_random_uuid()",
            "INSERT INTO control_plane.audit_outbox (id) VALUES (gen_random_uuid())",
        ],
    )
    .await;
    let writer = writer(&url).migrate(Migrate::Skip).start().await.unwrap();
    stored(&database.url(), 1).await;
    writer.shutdown(SOON).await;
    assert_exactly(&rows(&database.url()).await, &committed);
}

#[tokio::test]
async fn a_writer_that_may_not_drain_writes_on_and_leaves_the_database_in_peace() {
    let database = migrated().await;
    outbox(&mut database.connect().await, entry("left")).await.unwrap();
    let url = database.url_as("audit_writer").await;
    let writer = writer(&url).migrate(Migrate::Skip).outbox_poll(Duration::from_millis(5)).start().await.unwrap();
    for _ in 0..5 {
        writer.auditor().record(entry("queued")).await.unwrap();
        writer.flush(SOON).await.unwrap();
    }
    let report = writer.shutdown(SOON).await;
    // Not being allowed is no failure: it is said once, in the log of the program.
    assert_eq!((report.stats.stored, report.stats.drained, report.stats.retries), (5, 0, 0), "{:?}", report.stats);
    assert_eq!(database.value::<i64>("SELECT count(*) FROM control_plane.audit_outbox").await, 1);
}

#[tokio::test]
async fn roles_that_could_not_be_made_at_once_are_made_later_with_the_rest() {
    let database = server().database().await;
    let url = database.user("outbox_roleless", "").await;
    database
        .execute(
            "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO outbox_roleless', current_database()); END $$",
        )
        .await;
    let options = Options::new().with_role_prefix("tardy").unwrap();
    migrate::migrate(&url, &options).await.unwrap();
    database.execute("SELECT control_plane.audit_grant_roles()").await;

    let caller = database.url_as("tardy_caller").await;
    outbox(&mut PgConnection::connect(&caller).await.unwrap(), entry("written")).await.unwrap();
    let drainer = database.url_as("tardy_drainer").await;
    execute_at(&drainer, "SELECT id FROM control_plane.audit_outbox FOR UPDATE SKIP LOCKED").await.unwrap();
    let foreign: i64 = database
        .value(
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'control_plane'::regnamespace
                AND proowner <> 'tardy_owner'::regrole",
        )
        .await;
    assert_eq!(foreign, 0, "functions that the log's owner does not own");
}
