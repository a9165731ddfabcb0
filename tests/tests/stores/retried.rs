//! Dead letters that are sent again.

use audit_core::batch::{Batch, Freezer};
use audit_core::dead_letters::{DeadLetterId, DeadLetters, Retried};
use audit_core::encoding::row_leaf;
use audit_core::query::{Query, Reader};
use audit_core::store::{ErrorClass, Landed, Schema, open};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tests::postgres::{Database, execute_at, server};
use tests::samples;

const FUSSY: &str = "CREATE TRIGGER fussy BEFORE INSERT ON audit_logs WHEN NEW.seq % 10 = 9
                     BEGIN SELECT RAISE(ABORT, 'fussy'); END";

/// A batch of which rows 9, 19 and 29 are refused.
async fn land(url: &str) -> Batch {
    let store = open(url, &Schema::default()).unwrap();
    let batch = Freezer::new().freeze(samples::varied(40), std::time::SystemTime::now());
    let mut connection = store.connect().await.unwrap();
    assert_eq!(connection.land(&batch).await.unwrap(), Landed::Stored { dead_lettered: 4 });
    connection.close().await;
    batch
}

async fn letters(url: &str) -> DeadLetters {
    DeadLetters::connect(url, &Schema::default()).await.unwrap()
}

/// Sends all again while the table still refuses them, and once more when it does not.
async fn is_whole_again(url: &str, batch: &Batch, mend: impl AsyncFnOnce()) {
    let mut admin = letters(url).await;
    let first = admin.list(None, 3).await.unwrap();
    assert_eq!(first.iter().map(|letter| letter.id.idx).collect::<Vec<_>>(), [9, 19, 29]);
    let rest = admin.list(Some(first[2].id), 3).await.unwrap();
    assert_eq!(rest[0].id, DeadLetterId { idx: 39, ..first[0].id });
    let frozen = &batch.rows()[9].row;
    assert_eq!(first[0].entry_id(), Some(frozen.id));
    assert_eq!(first[0].text("action"), Some(frozen.action.as_str()));

    let refused = admin.retry(first[0].id).await.unwrap_err();
    assert_eq!(refused.class(), ErrorClass::Poison, "{refused}");
    assert_eq!(admin.list(None, 9).await.unwrap().len(), 4, "what is refused again stays");

    mend().await;
    // Two at once: of two that send the same letter, one does.
    let mut other = letters(url).await;
    let (one, two) = tokio::join!(admin.retry(first[0].id), other.retry(first[0].id));
    let both = [one.unwrap(), two.unwrap()];
    assert!(both.contains(&Retried::Stored) && both.contains(&Retried::Gone), "{both:?}");
    for letter in first[1..].iter().chain(&rest) {
        assert_eq!(admin.retry(letter.id).await.unwrap(), Retried::Stored);
        assert_eq!(admin.retry(letter.id).await.unwrap(), Retried::Gone);
    }
    assert!(admin.list(None, 9).await.unwrap().is_empty());
}

/// Every row hashes to the leaf it was frozen with, and has the time of its header.
async fn is_as_if_never_refused(url: &str, batch: &Batch) {
    let reader = Reader::connect(url, &Schema::default()).await.unwrap();
    let mut rows = reader.page(&Query::new().limit(100)).await.unwrap().rows;
    rows.sort_by_key(|row| row.seq);
    assert_eq!(rows.len(), 40);
    for (row, frozen) in rows.iter().zip(batch.rows()) {
        assert_eq!(row_leaf(row), Some(frozen.leaf));
        assert_eq!(row.recorded_at, rows[0].recorded_at);
    }
}

async fn fussy() -> (Database<'static>, Batch) {
    let database = server().database().await;
    open(&database.url(), &Schema::default()).unwrap().migrate().await.unwrap();
    database.execute("ALTER TABLE control_plane.audit_logs ADD CONSTRAINT fussy CHECK (seq % 10 <> 9)").await;
    let batch = land(&database.url()).await;
    (database, batch)
}

#[tokio::test]
async fn what_is_sent_again_is_as_if_it_had_never_been_refused_in_postgresql() {
    let (database, batch) = fussy().await;
    let admin = database.url_as("audit_admin").await;
    is_whole_again(&admin, &batch, async || {
        database.execute("ALTER TABLE control_plane.audit_logs DROP CONSTRAINT fussy").await;
    })
    .await;
    is_as_if_never_refused(&database.url(), &batch).await;
}

#[tokio::test]
async fn what_is_sent_again_is_as_if_it_had_never_been_refused_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let url = format!("sqlite:{}", path.display());
    open(&url, &Schema::default()).unwrap().migrate().await.unwrap();
    let execute = async |sql: &'static str| {
        let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await
    };
    execute(FUSSY).await.unwrap();
    let batch = land(&url).await;
    let error = execute("DELETE FROM audit_dead_letters").await.unwrap_err().to_string();
    assert!(error.contains("append-only"), "{error}");
    is_whole_again(&url, &batch, async || {
        execute("DROP TRIGGER fussy").await.unwrap();
    })
    .await;
    is_as_if_never_refused(&url, &batch).await;
}

#[tokio::test]
async fn only_the_function_that_sends_them_again_removes_dead_letters() {
    let (database, _) = fussy().await;
    // The owner names the letter, as the function does; but its row is not in the log.
    let attack = "BEGIN; SET LOCAL ROLE audit_owner;
         SELECT set_config('audit.retried', format('%s %s %s', stream_id, batch_no, idx), true)
           FROM control_plane.audit_dead_letters WHERE idx = 9;
         DELETE FROM control_plane.audit_dead_letters WHERE idx = 9; COMMIT";
    let error = database.try_execute(attack).await.unwrap_err().to_string();
    assert!(error.contains("append-only"), "{error}");

    let id: String = database
        .value("SELECT format('%L, %s, %s', stream_id, batch_no, idx) FROM control_plane.audit_dead_letters LIMIT 1")
        .await;
    let retry = format!("SELECT control_plane.audit_retry_dead_letter({id})");
    for role in ["audit_writer", "audit_reader", "audit_drainer", "audit_caller"] {
        let error = execute_at(&database.url_as(role).await, &retry).await.unwrap_err();
        let code = error.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{role}: {error}");
    }
    assert_eq!(database.value::<i64>("SELECT count(*) FROM control_plane.audit_dead_letters").await, 4);
}
