//! Looks at a log from all sides.

use std::time::Duration;

use tokio::time::timeout;

use super::Finding;
use crate::migrate::{self, MigrationStatus, Options, State};

/// How long an examination may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Looks at the log at a URL, in the order of what depends on what. Never fails, never changes anything, and takes at
/// most half a minute.
pub async fn examine(url: &str, options: &Options) -> Vec<Finding> {
    timeout(TIME_LIMIT, dispatch(url, options)).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s", TIME_LIMIT.as_secs());
        vec![Finding::red("reach", message, "look at what the database is busy with")]
    })
}

async fn dispatch(url: &str, options: &Options) -> Vec<Finding> {
    #[cfg(feature = "postgres")]
    if crate::store::postgres::serves(url) {
        return super::postgres::examine(url, options).await;
    }
    #[cfg(feature = "sqlite")]
    if crate::store::sqlite::serves(url) {
        return super::sqlite::examine(url, options).await;
    }
    let _ = options;
    let error = crate::store::unknown_kind(url);
    vec![Finding::red("reach", error.to_string(), "set DATABASE_URL to the log's database")]
}

/// Compares the migrations of the database with those of this program.
pub(super) async fn migrations(url: &str, options: &Options) -> Finding {
    const CHECK: &str = "migrations";
    let statuses = match migrate::status(url, options).await {
        Ok(statuses) => statuses,
        Err(error) => return Finding::red(CHECK, error.to_string(), "examine as a user who may read audit_migrations"),
    };
    let named = |state: fn(&State) -> bool| list(statuses.iter().filter(|status| state(&status.state)));
    if let Some(newer) = named(|state| matches!(state, State::Newer { .. })) {
        let message = format!("{newer} of this database are newer than this program");
        return Finding::red(CHECK, message, "use a newer program");
    }
    if let Some(other) = named(|state| matches!(state, State::Changed { .. } | State::Missing { .. })) {
        let message = format!("{other} of this database are not those of this program");
        return Finding::red(CHECK, message, "use the program that migrated this database, or a later release of it");
    }
    if let Some(pending) = named(|state| matches!(state, State::Pending)) {
        return Finding::red(CHECK, format!("{pending} pending"), "run `audit migrate`");
    }
    Finding::green(CHECK, format!("all {} applied", statuses.len()))
}

fn list<'a>(statuses: impl Iterator<Item = &'a MigrationStatus>) -> Option<String> {
    let names: Vec<_> = statuses.map(|status| format!("{} ({})", status.version, status.description)).collect();
    if names.is_empty() { None } else { Some(names.join(", ")) }
}
