//! What others do in the database at the same time.

use sqlx::Connection as _;
use tests::postgres::server;

use crate::support::{Load, SOON, WRITERS, builder, loaded};

/// Fault 17: a statement that takes longer than the session's `statement_timeout`, because a trigger is slow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_does_not_end_is_ended_by_its_own_session() {
    let database = server().database().await;
    let load = Load::start(builder(&database.url()).store_timeout(SOON)).await;
    load.stores(200).await;
    database
        .execute(
            "CREATE TABLE slow AS SELECT true;
             CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 WHILE EXISTS (SELECT FROM public.slow) LOOP PERFORM pg_sleep(0.01); END LOOP;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER slow BEFORE INSERT ON control_plane.audit_logs FOR EACH ROW EXECUTE FUNCTION slow()",
        )
        .await;
    load.fails_with("statement timeout (SQLSTATE 57014)").await;
    database.execute("DELETE FROM slow").await;
    load.stores(200).await;
    load.judged(&database.url()).await;
}

/// Fault 17: statements that somebody else ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_statements_cost_nothing() {
    let (database, load) = loaded(server()).await;
    while load.stats().retries < 5 {
        database.execute(&format!("SELECT pg_cancel_backend(pid) {WRITERS} AND state = 'active'")).await;
    }
    load.fails_with("SQLSTATE 57014").await;
    load.stores(200).await;
    load.judged(&database.url()).await;
}

/// Fault 17: a lock that somebody else holds for longer than the session's `lock_timeout`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_given_is_waited_for_in_bounds() {
    let database = server().database().await;
    let load = Load::start(builder(&database.url()).store_timeout(SOON)).await;
    load.stores(200).await;
    let mut other = database.connect().await;
    let mut transaction = other.begin().await.expect("a transaction begins");
    sqlx::raw_sql("LOCK TABLE control_plane.audit_logs IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await
        .expect("the writer's transactions are short");
    load.fails_with("SQLSTATE 55P03").await;
    transaction.rollback().await.expect("the connection is well");
    load.stores(200).await;
    load.judged(&database.url()).await;
}

/// Fault 18: a deadlock, of which the writer is the victim.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_costs_nothing() {
    let database = server().database().await;
    // The writer looks for a deadlock once, so long after it began to wait; the other session never.
    database.set("deadlock_timeout", "2s").await;
    // Full batches go by COPY: the header is in, and its lock held, when the rows begin to wait.
    let load = Load::start(builder(&database.url()).lanes(1).linger(SOON).store_timeout(SOON)).await;
    load.stores(300).await;
    for _ in 0..2 {
        let mut other = database.connect().await;
        let mut transaction = other.begin().await.expect("a transaction begins");
        let locks = "SET LOCAL deadlock_timeout = '1min'; LOCK TABLE control_plane.audit_logs IN ACCESS EXCLUSIVE MODE";
        sqlx::raw_sql(locks).execute(&mut *transaction).await.expect("the writer's transactions are short");
        let waits = format!(
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_locks h USING (pid)
               WHERE NOT l.granted AND l.relation = 'control_plane.audit_logs'::regclass
                 AND h.granted AND h.relation = 'control_plane.audit_batches'::regclass AND pid IN (SELECT pid {WRITERS}))"
        );
        while !database.value::<bool>(&waits).await {}
        let lock = sqlx::raw_sql("LOCK TABLE control_plane.audit_batches IN ACCESS EXCLUSIVE MODE");
        tokio::time::timeout(SOON, lock.execute(&mut *transaction))
            .await
            .expect("the writer finds the deadlock")
            .expect("the other session is not the victim");
        transaction.rollback().await.expect("the connection is well");
        load.fails_with("SQLSTATE 40P01").await;
        load.stores(300).await;
    }
    load.judged(&database.url()).await;
}
