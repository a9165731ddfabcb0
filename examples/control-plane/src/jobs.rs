//! What happens without anybody asking.

use std::time::Duration;

use audit_core::{Context, context};
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::{Error, projects};

/// Looks again and again at what projects have used, until it is told to stop.
pub async fn sweep_every(pause: Duration, db: Database, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        if let Err(error) = sweep(&db).await {
            tracing::error!(error = &error as &dyn std::error::Error, "projects were not looked at");
        }
    }
}

/// Suspends the projects that have used more than they may; gives back how many. What it does is recorded as done by the system.
///
/// # Errors
///
/// When the database fails; the projects before that are suspended.
pub async fn sweep(db: &Database) -> Result<usize, Error> {
    context::scope(Context::system("usage-sweep"), async {
        let ids = projects::over_their_cap(db).await?;
        for id in &ids {
            projects::auto_suspend(db, id).await?;
        }
        Ok(ids.len())
    })
    .await
}
