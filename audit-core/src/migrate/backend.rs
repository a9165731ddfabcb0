//! What the engine asks of a database.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Error;
use super::migration::Migration;

/// A line of the history.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) description: String,
    pub(crate) checksum: [u8; 32],
    pub(crate) at: DateTime<Utc>,
    pub(crate) took: Duration,
    /// What the migration had to tell people, a line each.
    pub(crate) notes: Vec<String>,
}

/// A dedicated connection to a database that is being migrated. Dropping it rolls back and unlocks.
pub(crate) trait Backend: Send {
    /// The migrations of this kind of database, by number.
    fn migrations(&self) -> &'static [Migration];

    /// The SQL of a migration, names filled in.
    fn sql(&self, migration: &Migration) -> String;

    /// The history, by number; empty where there is none yet. Needs no privilege but to read it.
    fn history(&mut self) -> impl Future<Output = Result<Vec<Applied>, Error>> + Send;

    /// Opens a transaction that no other run can have open at the same time, waiting for others at most as long as
    /// the options allow, and makes sure that there is a history to write to.
    fn begin(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Runs a migration in the open transaction and writes its line of the history, whose notes it gives back.
    fn apply(&mut self, migration: &Migration) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// Commits the open transaction, and with it gives up the lock.
    fn commit(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Says good-bye; an open transaction is rolled back.
    fn close(self) -> impl Future<Output = ()> + Send;
}
