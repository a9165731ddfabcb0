//! What lies between the program and PostgreSQL: poolers, and networks that fall silent.

use std::time::Duration;

use audit_core::batch::Freezer;
use audit_core::migrate::{self, Options};
use audit_core::store::{Landed, Schema, SharedStore, open};
use audit_core::{ActionName, Auditor, Entry};
use tests::postgres::{Database, server};
use tests::proxy::{Manner, Proxy};
use tests::samples;

const STORED: Landed = Landed::Stored { dead_lettered: 0 };
const ALREADY_STORED: Landed = Landed::AlreadyStored { dead_lettered: 0 };
const A_MOMENT: Duration = Duration::from_millis(500);

/// A log behind a proxy.
async fn behind(manner: Manner) -> (Database<'static>, Proxy, SharedStore) {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    let proxy = Proxy::before(database.server().port(), manner);
    let store = open(&proxy.url(&database.url_as("audit_writer").await), &Schema::default()).unwrap();
    (database, proxy, store)
}

#[tokio::test]
async fn batches_land_behind_a_pooler() {
    for manner in [Manner::RefuseOptions, Manner::LoseOptions] {
        let (database, _proxy, store) = behind(manner).await;
        let mut connection = store.connect().await.unwrap();
        connection.prepare(chrono::Utc::now()).await.unwrap();
        let mut freezer = Freezer::new();
        for rows in [1, 20, 300] {
            let batch = samples::batch(&mut freezer, rows);
            assert_eq!(connection.land(&batch).await.unwrap(), STORED, "{manner:?}");
            assert_eq!(connection.land(&batch).await.unwrap(), ALREADY_STORED, "{manner:?}");
        }
        connection.close().await;
        let rows: i64 = database.value("SELECT count(*) FROM control_plane.audit_logs").await;
        assert_eq!(rows, 321, "{manner:?}");
    }
}

#[tokio::test]
async fn behind_a_pooler_limits_hold_and_nothing_outlives_its_transaction() {
    let (database, _proxy, store) = behind(Manner::LoseOptions).await;
    let mut connection = store.connect().await.unwrap();
    let mut freezer = Freezer::new();
    assert_eq!(connection.land(&samples::batch(&mut freezer, 3)).await.unwrap(), STORED);
    // A row's CHECK sees what the session that lands it has set and prepared.
    database
        .execute(
            "CREATE FUNCTION control_plane.bounded() RETURNS boolean LANGUAGE sql AS $$
                 SELECT current_setting('lock_timeout') = '10s' AND current_setting('synchronous_commit') = 'on'
                    AND NOT EXISTS (SELECT FROM pg_prepared_statements) $$;
             ALTER TABLE control_plane.audit_logs ADD CONSTRAINT bounded CHECK (control_plane.bounded()) NOT VALID",
        )
        .await;
    for rows in [3, 300] {
        assert_eq!(connection.land(&samples::batch(&mut freezer, rows)).await.unwrap(), STORED);
    }
}

#[tokio::test]
async fn a_sessions_waits_are_bounded_and_its_commits_on_the_disk_whatever_the_database_says() {
    for manner in [Manner::Pass, Manner::LoseOptions] {
        let (database, _proxy, store) = behind(manner).await;
        // A row's CHECK sees what the session that lands it has set.
        database
            .execute(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$;
                 CREATE FUNCTION control_plane.limits() RETURNS text LANGUAGE sql AS $$
                     SELECT string_agg(name || ' ' || setting, ', ' ORDER BY name) FROM pg_settings WHERE name IN (
                         'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'synchronous_commit',
                         'tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count') $$;
                 ALTER TABLE control_plane.audit_logs ADD CONSTRAINT limited CHECK (control_plane.limits() =
                     'idle_in_transaction_session_timeout 30000, lock_timeout 10000, statement_timeout 30000, '
                     'synchronous_commit on, tcp_keepalives_count 4, tcp_keepalives_idle 10, tcp_keepalives_interval 5')
                     NOT VALID",
            )
            .await;
        let mut connection = store.connect().await.unwrap();
        let mut freezer = Freezer::new();
        for rows in [1, 3, 300] {
            assert_eq!(
                connection.land(&samples::batch(&mut freezer, rows)).await.unwrap(),
                STORED,
                "{manner:?}, {rows}"
            );
        }
    }
}

#[tokio::test]
async fn a_connection_that_fell_silent_does_not_hold_up_its_successor() {
    let (database, proxy, store) = behind(Manner::FallSilentAfter(60_000)).await;
    let mut freezer = Freezer::new();
    let batch = samples::batch(&mut freezer, 2_000);
    let mut connection = store.connect().await.unwrap();
    assert!(tokio::time::timeout(A_MOMENT, connection.land(&batch)).await.is_err());
    drop(connection);
    proxy.future(Manner::Pass);
    // The server still waits for the rest, and holds the header's key.
    let waiting: i64 = database
        .value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'")
        .await;
    assert_eq!(waiting, 1);

    let mut connection = store.connect().await.unwrap();
    assert_eq!(connection.land(&batch).await.unwrap(), STORED);
    let rows: i64 = database.value("SELECT count(*) FROM control_plane.audit_logs").await;
    assert_eq!(rows, 2_000);
}

/// Of a pooler that nobody can find out, because it hands on what the session asks for.
#[tokio::test]
async fn a_pooler_that_was_named_is_believed() {
    let database = server().database().await;
    let url = database.url();
    let begin = |pooler| Auditor::builder().url(&url).lanes(1).pooler(pooler).start();
    begin(false).await.unwrap().shutdown(Duration::from_secs(10)).await;
    // A row's CHECK sees what the session that lands it has prepared, and which limits are the transaction's own.
    database
        .execute(
            "CREATE FUNCTION control_plane.unprepared() RETURNS boolean LANGUAGE sql AS $$
                 SELECT current_setting('lock_timeout') = '10s' AND current_setting('synchronous_commit') = 'on'
                    AND NOT EXISTS (SELECT FROM pg_prepared_statements)
                    AND EXISTS (SELECT FROM pg_settings WHERE name = 'lock_timeout' AND source = 'session'
                                   AND reset_val = '0') $$;
             ALTER TABLE control_plane.audit_logs ADD CONSTRAINT unprepared CHECK (control_plane.unprepared()) NOT VALID",
        )
        .await;
    for (pooler, refused) in [(true, 0), (false, 1)] {
        let writer = begin(pooler).await.unwrap();
        let action = ActionName::unlisted("door.opened").unwrap();
        writer.auditor().record(Entry::builder(action).target_id("door_7").build()).await.unwrap();
        let stats = writer.shutdown(Duration::from_secs(10)).await.stats;
        assert_eq!((stats.stored + stats.dead_lettered, stats.dead_lettered), (1, refused), "pooler({pooler})");
    }
}
