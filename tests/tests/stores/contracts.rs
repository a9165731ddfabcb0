//! What durable and announced calls have in the store when they return, and when they begin.

use std::time::Duration;

use audit_core::{Actor, Auditor, Context, Error, audited, context};
use sqlx::{Connection as _, SqliteConnection};
use tests::postgres::server;

const SOON: Duration = Duration::from_secs(20);

#[audited(action = "project.updated", durability = "durable")]
async fn update(project_id: u64) {}

#[audited(action = "project.deleted", durability = "before")]
async fn delete(project_id: u64, outcomes: impl AsyncFn() -> String) -> Result<String, Error> {
    Ok(outcomes().await)
}

/// Calls that nobody flushes, over a writer that would linger for an hour.
async fn is_kept_when_asked(url: String, outcomes: impl AsyncFn() -> String) {
    let builder = Auditor::builder().url(url).lanes(1).linger(Duration::from_hours(1));
    let writer = builder.start().await.expect("the writer starts");
    let context = Context::new().with_actor(Actor::user("user_123")).with_auditor(writer.auditor().clone());
    let calls = async {
        update(7).await;
        assert_eq!(outcomes().await, "success");
        let within = delete(7, &outcomes).await.expect("the store is there");
        assert_eq!(within, "success attempted");
        assert_eq!(outcomes().await, "success attempted success");
    };
    context::scope(context, calls).await;
    assert_eq!(writer.shutdown(SOON).await.stats.unconfirmed, 0);
}

#[tokio::test]
async fn a_durable_call_is_kept_when_it_returns_and_an_announced_one_before_it_begins() {
    let database = server().database().await;
    let outcomes = "SELECT string_agg(outcome, ' ' ORDER BY seq) FROM control_plane.audit_logs";
    is_kept_when_asked(database.url(), async || database.value::<String>(outcomes).await).await;
}

#[tokio::test]
async fn a_durable_call_is_kept_in_a_file_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    let outcomes = "SELECT group_concat(outcome, ' ') FROM (SELECT outcome FROM audit_logs ORDER BY seq)";
    let read = async || {
        let mut log = SqliteConnection::connect(&url).await.expect("the log opens");
        sqlx::query_scalar::<_, String>(outcomes).fetch_one(&mut log).await.expect("the log is read")
    };
    is_kept_when_asked(url.clone(), read).await;
}
