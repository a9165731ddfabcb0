//! Somebody who owns the database changes one word of the log. The verifier says where.
//!
//! ```text
//! cargo run --example verify_tamper
//! ```

use std::error::Error;
use std::time::Duration;

use audit_core::store::Schema;
use audit_core::verify::verify;
use audit_core::{Actor, Context, audited, context};
use sqlx::{Connection as _, SqliteConnection};

#[audited(action = "user.role_changed", target_id = user, metadata(old_role = "viewer", new_role = role))]
async fn change_role(user: &str, role: &str) {
    println!("{user} is {role} now");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    let writer = audit_core::init(&url).await?;
    let mallory = Context::new().with_actor(Actor::user("mallory"));
    context::scope(mallory, change_role("mallory", "owner")).await;
    writer.shutdown(Duration::from_secs(10)).await;

    let report = verify(&url, &Schema::default(), |_| ()).await?;
    println!("before: intact: {}", report.is_intact());

    let mut database = SqliteConnection::connect(&url).await?;
    let blame = "UPDATE audit_logs SET actor_id = 'alice'";
    if let Err(refusal) = sqlx::query(blame).execute(&mut database).await {
        println!("the table refuses it: {}", refusal.as_database_error().map_or("", |error| error.message()));
    }
    // Whoever owns the file takes the guard away first.
    let guards = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_logs'";
    for guard in sqlx::query_scalar::<_, String>(guards).fetch_all(&mut database).await? {
        sqlx::query(sqlx::AssertSqlSafe(format!("DROP TRIGGER {guard}"))).execute(&mut database).await?;
    }
    let changed = sqlx::query(blame).execute(&mut database).await?.rows_affected();
    println!("without its guards it takes it: {changed} row changed");

    let report = verify(&url, &Schema::default(), |_| ()).await?;
    println!("after: intact: {}", report.is_intact());
    for found in &report.breaks {
        println!("  {found}");
    }
    Ok(())
}
