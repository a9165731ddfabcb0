//! Erasing personal values, and keeping the log provable.
//!
//! A value that is erased is gone from its row, and so is the salt from which its commitment was made; the commitment
//! stays, in the column `redacted`. So the row's leaf, its batch and every checkpoint hold as before, and the value cannot be
//! guessed back.
//!
//! Two entries `audit.redacted` tell of it: one with the outcome `attempted`, durable before anything is erased, and one of how it
//! ended. They name the rows and the fields, who did it and why, and never the value. [`verify`](crate::verify) finds whatever
//! was erased without them.
//!
//! What no program of ours can reach: backups, replicas' files, archives, and journals of writers that are dead. In
//! PostgreSQL the value stays in files until the partition is vacuumed and the WAL is recycled; [`Erased::to_vacuum`] names
//! the partitions where this user may not do so. In SQLite freed pages are overwritten and the WAL is cut short.
//!
//! # Examples
//!
//! ```no_run
//! use audit_core::erasure::Erasure;
//! use audit_core::query::Query;
//! use audit_core::store::Schema;
//!
//! # async fn run(auditor: audit_core::Auditor) -> Result<(), Box<dyn std::error::Error>> {
//! let schema = Schema::default();
//! let fields = ["ip_address".parse()?, "user_agent".parse()?, "metadata.email".parse()?];
//! let erasure = Erasure::new("postgres://keeper@localhost/app", &schema, fields, "erasure request 117");
//! let erased = erasure.rows_of(&Query::new().actor("user_123"), &auditor, |_| ()).await?;
//! println!("{} rows hold less now", erased.rows);
//! # Ok(())
//! # }
//! ```

mod compute;
mod error;
mod field;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod run;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use error::ErasureError;
pub use field::{Field, FieldError};
pub use run::{Erased, Erasure};
