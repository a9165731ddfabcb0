//! `tx = EXPR`: the entry of a success is in the caller's transaction.

use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use audit_core::store::{self, Schema};
use audit_core::{Actor, Auditor, Context, Outbox, Outcome, Row, WriterGuard, audited, context};
use sqlx::{Connection as _, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};
use tests::postgres::{Database, server};

use crate::ground::{SOON, rows, stored, writer};

#[derive(Debug)]
enum Error {
    Refused,
    Audit(String),
}

impl From<audit_core::Error> for Error {
    fn from(error: audit_core::Error) -> Self {
        Self::Audit(error.to_string())
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        panic!("{error}")
    }
}

#[audited(action = "project.created", target_id = |id| *id, tx = tx, metadata(changes = serde_json::json!(name)))]
async fn create(tx: &mut Transaction<'_, Postgres>, name: String, allowed: bool) -> Result<u64, Error> {
    sqlx::query("CREATE TABLE IF NOT EXISTS projects (name text)").execute(&mut **tx).await?;
    sqlx::query("INSERT INTO projects VALUES ($1)").bind(name).execute(&mut **tx).await?;
    if allowed { Ok(7) } else { Err(Error::Refused) }
}

#[audited(action = "project.updated", tx = connection)]
async fn update(connection: &mut PgConnection, project_id: &str) -> Result<(), Error> {
    helped(connection).await
}

async fn helped(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("SELECT 1").execute(connection).await?;
    Ok(())
}

struct Unit<'c> {
    tx: Transaction<'c, Sqlite>,
}

#[audited(tx = &mut self.tx)]
impl Unit<'_> {
    #[audited(action = "project.deleted")]
    async fn delete(&mut self, project_id: u64) -> Result<u64, Error> {
        sqlx::query("SELECT 1").execute(&mut *self.tx).await?;
        Ok(project_id)
    }

    #[audited(action = "project.suspended", skip_if = project_id == 0)]
    async fn suspend(&mut self, project_id: u64) -> Result<(), Error> {
        Ok(())
    }
}

async fn log() -> (Database<'static>, WriterGuard, Context) {
    let database = server().database().await;
    // Drained later, so that what is in the outbox can be told from what was queued.
    let writer = writer(&database.url()).outbox(Outbox::Leave).start().await.unwrap();
    let context = Context::new().with_actor(Actor::user("user_1")).with_auditor(writer.auditor().clone());
    (database, writer, context)
}

async fn waiting(database: &Database<'_>) -> i64 {
    database.value("SELECT count(*) FROM control_plane.audit_outbox").await
}

async fn drained(database: &Database<'_>, count: usize) -> Vec<Row> {
    let drainer = writer(&database.url()).start().await.unwrap();
    let rows = stored(&database.url(), count).await;
    drainer.shutdown(SOON).await;
    rows
}

#[tokio::test]
async fn a_success_commits_with_the_transaction_or_not_at_all() {
    let (database, writer, context) = log().await;
    let mut connection = database.connect().await;
    for commits in [true, false] {
        let mut tx = connection.begin().await.unwrap();
        let id = context::scope(context.clone(), create(&mut tx, "MyProject".to_owned(), true)).await.unwrap();
        assert_eq!(id, 7);
        if commits { tx.commit().await.unwrap() } else { tx.rollback().await.unwrap() }
    }
    writer.flush(SOON).await.unwrap();
    assert_eq!((waiting(&database).await, rows(&database.url()).await.len()), (1, 0));
    let report = writer.shutdown(SOON).await;
    assert_eq!(report.stats.emitted, 0, "a success is not queued, too");
    let rows = drained(&database, 1).await;
    assert_eq!((rows[0].outcome, rows[0].target_id.as_deref()), (Outcome::Success, Some("7")));
    assert_eq!(rows[0].metadata.to_string(), r#"{"changes":"MyProject"}"#);
    assert_eq!(rows[0].actor_id.as_deref(), Some("user_1"));
    assert!(rows[0].duration_us.is_some());
}

#[tokio::test]
async fn a_failure_is_queued_and_survives_the_rollback() {
    let (database, writer, context) = log().await;
    let mut connection = database.connect().await;
    let mut tx = connection.begin().await.unwrap();
    let refused = context::scope(context, create(&mut tx, "MyProject".to_owned(), false)).await;
    assert!(matches!(refused, Err(Error::Refused)));
    tx.rollback().await.unwrap();
    writer.flush(SOON).await.unwrap();
    let rows = rows(&database.url()).await;
    assert_eq!((waiting(&database).await, rows.len(), rows[0].outcome), (0, 1, Outcome::Failure));
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn when_the_entry_cannot_be_written_the_caller_is_not_told_of_success() {
    let (database, writer, context) = log().await;
    let url = database.user("stranger_to_the_outbox", "").await;
    database.execute("GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    let told = context::scope(context, create(&mut tx, "MyProject".to_owned(), true)).await;
    let Err(Error::Audit(error)) = told else { panic!("{told:?}") };
    assert!(error.contains("42501"), "{error}");
    tx.rollback().await.unwrap();
    writer.flush(SOON).await.unwrap();
    let rows = rows(&database.url()).await;
    assert_eq!((rows.len(), rows[0].outcome), (1, Outcome::Failure));
    assert!(rows[0].error.as_deref().is_some_and(|error| error.contains("not written")), "{:?}", rows[0].error);
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_is_recorded_as_cancelled_wherever_it_stood() {
    let (database, writer, context) = log().await;
    let mut connection = database.connect().await;
    let mut polls = 0;
    let mut finished = false;
    // Dropped after one poll, then after two, until it ends before it can be dropped.
    while !finished {
        polls += 1;
        let mut tx = connection.begin().await.unwrap();
        {
            let call = context::scope(context.clone(), create(&mut tx, "MyProject".to_owned(), true));
            let mut call = pin!(call);
            for _ in 0..polls {
                if let Poll::Ready(ended) = call.as_mut().poll(&mut Task::from_waker(Waker::noop())) {
                    ended.unwrap();
                    finished = true;
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        tx.rollback().await.unwrap();
    }
    writer.flush(SOON).await.unwrap();
    let rows = rows(&database.url()).await;
    assert!(!rows.is_empty() && rows.iter().all(|row| row.outcome == Outcome::Cancelled), "{rows:?}");
    assert_eq!((rows.len(), waiting(&database).await), (polls - 1, 0));
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn a_connection_that_is_handed_on_by_the_body_is_there_again_afterwards() {
    let (database, writer, context) = log().await;
    context::scope(context, update(&mut database.connect().await, "proj_1")).await.unwrap();
    assert_eq!(waiting(&database).await, 1);
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn methods_write_in_the_transaction_of_their_block() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    store::open(&url, &Schema::default()).unwrap().migrate().await.unwrap();
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let mut unit = Unit { tx: connection.begin().await.unwrap() };
    assert_eq!(unit.delete(3).await.unwrap(), 3);
    unit.suspend(0).await.unwrap();
    unit.tx.commit().await.unwrap();
    let writer = writer(&url).start().await.unwrap();
    let rows = stored(&url, 1).await;
    assert_eq!((rows.len(), rows[0].action.as_str()), (1, "project.deleted"));
    writer.shutdown(SOON).await;
}

#[tokio::test]
async fn the_future_stays_small() {
    async fn plain(tx: &mut Transaction<'_, Postgres>, name: String, allowed: bool) -> Result<u64, Error> {
        sqlx::query("CREATE TABLE IF NOT EXISTS projects (name text)").execute(&mut **tx).await?;
        sqlx::query("INSERT INTO projects VALUES ($1)").bind(name).execute(&mut **tx).await?;
        if allowed { Ok(7) } else { Err(Error::Refused) }
    }
    fn size(future: &(impl Future + Send)) -> usize {
        size_of_val(future)
    }
    let database = server().database().await;
    let mut connection = database.connect().await;
    let mut tx = connection.begin().await.unwrap();
    let plain = size(&plain(&mut tx, String::new(), true));
    let audited = size(&create(&mut tx, String::new(), true));
    assert!(audited <= plain + 512, "{audited} bytes instead of {plain}");
}

#[tokio::test]
async fn a_disabled_auditor_writes_nothing() {
    let database = server().database().await;
    let context = Context::new().with_auditor(Auditor::disabled());
    let mut connection = database.connect().await;
    context::scope(context, update(&mut connection, "proj_1")).await.unwrap();
}
