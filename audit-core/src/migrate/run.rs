//! The engine: compares, and applies what is pending.

use super::backend::Backend;
use super::status::{self, MigrationStatus, State};
use super::{Error, Options, PendingMigration};
use crate::store::by_kind;

/// What a migration run did.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// Versions applied by this run, in order; empty where the database was up to date.
    pub applied: Vec<i64>,
    /// What these migrations have to tell people, such as a table of an earlier system that was renamed.
    pub notes: Vec<String>,
}

/// Opens the backend of a URL, lets a function of this file use it, and closes it on every path.
macro_rules! on_backend {
    ($url:expr, $options:expr, $work:ident) => {
        by_kind!($url, $options,
            postgres => $work(super::postgres::Postgres::open($url, $options).await?).await,
            sqlite => $work(super::sqlite::Sqlite::open($url, $options)?).await,
        )
    };
}

/// Applies to the database at a URL what is pending.
///
/// # Errors
///
/// When the database cannot be reached, its history is not this program's, another run takes too long, or a
/// migration fails; see [`Error`]. Migrations applied before the one that failed stand.
///
/// # Cancellation
///
/// Dropping the future rolls the migration under way back and gives up the lock.
pub async fn migrate(url: &str, options: &Options) -> Result<Report, Error> {
    on_backend!(url, options, apply_pending)
}

/// How each migration stands at the database of a URL, by number. Changes nothing, needs no lock.
///
/// # Errors
///
/// When the database cannot be reached or its history not be read.
pub async fn status(url: &str, options: &Options) -> Result<Vec<MigrationStatus>, Error> {
    on_backend!(url, options, compare)
}

/// What [`migrate`] would apply to the database at a URL. Changes nothing, needs no lock.
///
/// # Errors
///
/// When the database cannot be reached, or its history is not this program's.
pub async fn pending(url: &str, options: &Options) -> Result<Vec<PendingMigration>, Error> {
    on_backend!(url, options, list_pending)
}

/// Whether the database at a URL has every migration of this program, unchanged. Any role of the log may ask.
///
/// # Errors
///
/// When the database cannot be reached, or its history is not this program's.
pub async fn is_current(url: &str, options: &Options) -> Result<bool, Error> {
    Ok(pending(url, options).await?.is_empty())
}

/// Applies what is pending, then closes the backend.
pub(super) async fn apply_pending<B: Backend>(mut backend: B) -> Result<Report, Error> {
    let result = apply_each(&mut backend).await;
    backend.close().await;
    result
}

async fn compare<B: Backend>(mut backend: B) -> Result<Vec<MigrationStatus>, Error> {
    let history = backend.history().await;
    let known = backend.migrations();
    backend.close().await;
    Ok(status::compare(known, &history?))
}

async fn list_pending<B: Backend>(mut backend: B) -> Result<Vec<PendingMigration>, Error> {
    let result = all_pending(&mut backend).await.map(|pending| {
        pending
            .into_iter()
            .map(|migration| PendingMigration {
                version: migration.version,
                description: migration.description.to_owned(),
                sql: backend.sql(migration),
            })
            .collect()
    });
    backend.close().await;
    result
}

async fn apply_each<B: Backend>(backend: &mut B) -> Result<Report, Error> {
    let mut report = Report::default();
    // The first look takes no lock and writes nothing, so that a role that may do neither finds an up-to-date
    // database in order. Then each turn looks again, under the lock: another run may have been faster.
    while !all_pending(backend).await?.is_empty() {
        backend.begin().await?;
        let Some(migration) = all_pending(backend).await?.into_iter().next() else {
            break;
        };
        let notes = backend.apply(migration).await?;
        backend.commit().await?;
        tracing::info!(version = migration.version, description = migration.description, "applied a migration");
        report.applied.push(migration.version);
        report.notes.extend(notes);
    }
    Ok(report)
}

async fn all_pending<B: Backend>(backend: &mut B) -> Result<Vec<&'static super::migration::Migration>, Error> {
    let known = backend.migrations();
    let statuses = status::compare(known, &backend.history().await?);
    status::check(&statuses)?;
    let is_pending =
        |version| statuses.iter().any(|status| status.version == version && status.state == State::Pending);
    Ok(known.iter().filter(|migration| is_pending(migration.version)).collect())
}
