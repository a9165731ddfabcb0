//! Why a database could not be brought up to date.

use std::time::Duration;

use crate::store::{ErrorClass, StoreError};

/// Why a database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not be reached, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A migration failed and was rolled back; those before it stand.
    #[error("migration {version} ({description}) failed and was rolled back: {reason}")]
    Failed {
        /// Its number.
        version: i64,
        /// Its name.
        description: String,
        /// What the database said.
        reason: String,
    },
    /// A migration would take long, because the log is larger than what [`Options`](super::Options) allow.
    #[error(
        "migration {version} ({description}) takes the longer, the larger the log is, which has {bytes} bytes, and may lock it meanwhile: run `audit migrate` when that does no harm"
    )]
    TooLarge {
        /// Its number.
        version: i64,
        /// Its name.
        description: String,
        /// What the log takes on disk, without its indexes.
        bytes: u64,
    },
    /// A migration differs from what was applied under its number.
    #[error(
        "migration {version} ({description}) differs from the one this database was migrated with: use the program that migrated it, or a later release"
    )]
    Changed {
        /// Its number.
        version: i64,
        /// Its name in this program.
        description: String,
    },
    /// The history holds a migration that this program, though it knows later ones, does not.
    #[error(
        "this database was migrated with a migration {version} ({description}) that this program does not know: it belongs to another release line"
    )]
    Missing {
        /// Its number.
        version: i64,
        /// Its name in the history.
        description: String,
    },
    /// The database was migrated by a later program.
    #[error("the database is at migration {found}, this program knows them up to {known}: use a newer program")]
    Newer {
        /// The last migration in the history.
        found: i64,
        /// The last migration this program knows.
        known: i64,
    },
    /// Another run held the lock for too long.
    #[error("another migration run has been under way for {}: wait for it to end, or end it", seconds(*.waited))]
    Locked {
        /// How long this run waited.
        waited: Duration,
    },
}

impl Error {
    /// Whether waiting may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.class() == ErrorClass::Transient,
            Self::Locked { .. } => true,
            Self::Failed { .. }
            | Self::TooLarge { .. }
            | Self::Changed { .. }
            | Self::Missing { .. }
            | Self::Newer { .. } => false,
        }
    }
}

fn seconds(waited: Duration) -> String {
    format!("{:.1} s", waited.as_secs_f64())
}
