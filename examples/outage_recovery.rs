//! The database goes away. Nobody waits for it, and nothing is lost.
//!
//! ```text
//! cargo run --example outage_recovery
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use audit_core::{Actor, Auditor, Context, audited, context};
use sqlx::{Connection as _, SqliteConnection};

/// Returns once the entry is in the database, or safe on disk while the database does not answer.
#[audited(action = "secret.accessed", durability = "durable", metadata(secret_name = "stripe-token"))]
async fn read_secret(secret_id: &str) -> String {
    format!("the value of {secret_id}")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    let journal = folder.path().join("journal");
    let writer = Auditor::builder().url(&url).journal(journal).init().await?;
    let auditor = writer.auditor().clone();
    let request = Context::new().with_actor(Actor::user("user_123"));

    context::scope(request.clone(), read_secret("sec_1")).await;
    println!("database there: {}", auditor.health());

    // Somebody locks the whole database, and forgets it.
    let mut other = SqliteConnection::connect(&url).await?;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await?;
    let began = Instant::now();
    for _ in 0..10 {
        context::scope(request.clone(), read_secret("sec_1")).await;
    }
    assert!(began.elapsed() < Duration::from_secs(30), "nobody waits for a database that is away");
    println!("database away:  {}", auditor.health());

    sqlx::query("ROLLBACK").execute(&mut other).await?;
    writer.flush(Duration::from_secs(30)).await?;
    println!("database back:  {}", auditor.health());

    let report = writer.shutdown(Duration::from_secs(10)).await;
    println!("the log took {} entries and lost {}", report.stored, report.lost);
    Ok(())
}
