//! Brings a database up to date: the tables, guards and roles of the log.
//!
//! The migrations are SQL files that lie beside the crate and are compiled into it. [`migrate`] runs those that are
//! pending, each in a transaction of its own together with its line in the history (`audit_migrations`), under a lock
//! that the same transaction holds: a run that fails or is killed leaves neither a half-done migration nor a lock, and
//! any number of processes may run it at once. [`status()`] and [`pending`] only look.
//!
//! A migration that differs from the one that was applied is named, and nothing is run; so is one that the history
//! knows and the program does not. A database that is newer than the program is refused.
//!
//! # Examples
//!
//! ```no_run
//! use audit_core::migrate::{self, Options};
//!
//! # async fn run() -> Result<(), migrate::Error> {
//! let options = Options::new();
//! for migration in migrate::status("postgres://localhost/app", &options).await? {
//!     println!("{} {}: {}", migration.version, migration.description, migration.state);
//! }
//! let report = migrate::migrate("postgres://localhost/app", &options).await?;
//! println!("applied {:?}", report.applied);
//! # Ok(())
//! # }
//! ```

mod backend;
mod error;
mod migration;
mod options;
#[cfg(feature = "postgres")]
mod postgres;
mod run;
#[cfg(feature = "postgres")]
mod search_index;
#[cfg(feature = "sqlite")]
mod sqlite;
mod status;

pub use error::Error;
pub use migration::PendingMigration;
pub use options::{Options, Part, RolePrefixError};
pub use run::{Report, is_current, migrate, pending, status};
#[cfg(feature = "postgres")]
pub use search_index::{SearchIndex, build_search_index};
pub use status::{MigrationStatus, State};

#[cfg(feature = "postgres")]
pub(crate) use postgres::migrate as migrate_postgres;
#[cfg(feature = "sqlite")]
pub(crate) use sqlite::migrate as migrate_sqlite;
