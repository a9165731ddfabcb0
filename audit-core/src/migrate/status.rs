//! What of a database is done, and what is pending.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Error;
use super::backend::Applied;
use super::migration::Migration;

/// One migration, seen from the program and from the database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationStatus {
    /// Its number.
    pub version: i64,
    /// What it brings.
    pub description: String,
    /// SHA-256 of its file in this program; of the one that was applied where the program does not know it.
    pub checksum: [u8; 32],
    /// How it stands.
    pub state: State,
    /// What it had to tell people when it was applied.
    pub notes: Vec<String>,
}

/// How a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Applied.
    Done {
        /// When, by the database's clock.
        at: DateTime<Utc>,
        /// How long it took.
        took: Duration,
    },
    /// Not yet applied.
    Pending,
    /// Applied, but with another text than this program's.
    Changed {
        /// When, by the database's clock.
        at: DateTime<Utc>,
    },
    /// In the database's history, and unknown to this program, which knows later ones.
    Missing {
        /// When it was applied, by the database's clock.
        at: DateTime<Utc>,
    },
    /// In the database's history, and later than all this program knows.
    Newer {
        /// When it was applied, by the database's clock.
        at: DateTime<Utc>,
    },
}

impl State {
    /// Whether the database is as this program wants it, as far as this migration goes.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done { .. } => "done",
            Self::Pending => "pending",
            Self::Changed { .. } => "changed",
            Self::Missing { .. } => "missing",
            Self::Newer { .. } => "newer",
        })
    }
}

/// Lays the program's migrations beside the database's history, in the order of their numbers.
pub(super) fn compare(known: &[Migration], history: &[Applied]) -> Vec<MigrationStatus> {
    let last_known = known.iter().map(|migration| migration.version).max();
    let unknown = history
        .iter()
        .filter(|applied| known.iter().all(|migration| migration.version != applied.version))
        .map(|applied| MigrationStatus {
            version: applied.version,
            description: applied.description.clone(),
            checksum: applied.checksum,
            state: if Some(applied.version) > last_known {
                State::Newer { at: applied.at }
            } else {
                State::Missing { at: applied.at }
            },
            notes: applied.notes.clone(),
        });
    let mut statuses: Vec<_> = known
        .iter()
        .map(|migration| {
            let checksum = migration.checksum();
            let applied = history.iter().find(|applied| applied.version == migration.version);
            MigrationStatus {
                version: migration.version,
                description: migration.description.to_owned(),
                checksum,
                state: match applied {
                    None => State::Pending,
                    Some(applied) if applied.checksum == checksum => State::Done { at: applied.at, took: applied.took },
                    Some(applied) => State::Changed { at: applied.at },
                },
                notes: applied.map(|applied| applied.notes.clone()).unwrap_or_default(),
            }
        })
        .chain(unknown)
        .collect();
    statuses.sort_by_key(|status| status.version);
    statuses
}

/// Refuses a history that this program cannot build on.
pub(super) fn check(statuses: &[MigrationStatus]) -> Result<(), Error> {
    let newer = statuses.iter().rfind(|status| matches!(status.state, State::Newer { .. }));
    if let Some(newest) = newer {
        let known = statuses.iter().filter(|status| !matches!(status.state, State::Newer { .. }));
        return Err(Error::Newer {
            found: newest.version,
            known: known.map(|status| status.version).max().unwrap_or(0),
        });
    }
    for status in statuses {
        let (version, description) = (status.version, status.description.clone());
        match status.state {
            State::Changed { .. } => return Err(Error::Changed { version, description }),
            State::Missing { .. } => return Err(Error::Missing { version, description }),
            State::Done { .. } | State::Pending | State::Newer { .. } => {}
        }
    }
    Ok(())
}
