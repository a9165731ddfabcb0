//! The entry commits with the change that it tells of, or neither does.
//!
//! ```text
//! cargo run --example transactional_outbox
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use audit_core::query::{Query, Reader};
use audit_core::store::Schema;
use audit_core::{Actor, Context, audited, context};
use sqlx::{Connection as _, Sqlite, SqliteConnection, Transaction};

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Audit(#[from] audit_core::Error),
}

/// Puts the project and the entry into the transaction of the caller, who decides what becomes of both.
#[audited(action = "project.created", target_id = |id| *id, tx = tx)]
async fn create(tx: &mut Transaction<'_, Sqlite>, name: &str) -> Result<i64, Failure> {
    let insert = "INSERT INTO projects (name) VALUES (?) RETURNING id";
    Ok(sqlx::query_scalar(insert).bind(name).fetch_one(&mut **tx).await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("app.db").display());
    // The application's database holds the log too, and so the outbox.
    let writer = audit_core::init(&url).await?;
    let mut connection = SqliteConnection::connect(&url).await?;
    sqlx::query("CREATE TABLE projects (id INTEGER PRIMARY KEY, name TEXT)").execute(&mut connection).await?;

    let user = Context::new().with_actor(Actor::user("user_123"));
    context::scope(user, async {
        let mut tx = connection.begin().await?;
        let id = create(&mut tx, "Kept").await?;
        tx.commit().await?;
        println!("committed project {id}");

        let mut tx = connection.begin().await?;
        let id = create(&mut tx, "Given up").await?;
        tx.rollback().await?;
        println!("rolled back project {id}");
        Ok::<_, Failure>(())
    })
    .await?;

    // A writer, this one or another, moves what was committed from the outbox to the log.
    let reader = Reader::connect(&url, &Schema::default()).await?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while reader.page(&Query::new()).await?.rows.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    writer.shutdown(Duration::from_secs(10)).await;
    for row in reader.page(&Query::new()).await?.rows {
        println!("in the log: {} {}", row.action, row.target_id.as_deref().unwrap_or("-"));
    }
    Ok(())
}
