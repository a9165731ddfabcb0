//! What is kept, and for how long.
//!
//! Rows go by whole partitions (in SQLite by whole days), once all of a partition is older than a limit, all of its batches are
//! leaves of the tree, and nothing in it is under legal hold. Headers, tree and checkpoints stay for ever, and each
//! [`Pruning`] leaves a record, in the same transaction: which time, how many rows, when, by whom, and how large the tree was.
//! With the key of the log it is a signed statement, which [`verify`](crate::verify) asks for where that key is trusted.
//!
//! Two entries tell of each pruning, too: `audit.pruned` with the outcome `attempted` is durable before anything is dropped.
//!
//! # Examples
//!
//! ```no_run
//! use audit_core::retention::Retention;
//! use audit_core::signing::SigningKey;
//! use audit_core::store::Schema;
//! use chrono::TimeDelta;
//!
//! # async fn run(auditor: audit_core::Auditor) -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::from_file("/etc/audit/log.key")?;
//! let schema = Schema::default();
//! let retention = Retention::new("postgres://keeper@localhost/app", &schema, TimeDelta::days(400)).signer(key);
//! for partition in retention.status().await? {
//!     println!("{} to {}: {:?}", partition.lower_bound, partition.upper_bound, partition.stays);
//! }
//! let prunings = retention.apply(&auditor, |_| ()).await?;
//! println!("{} partitions are gone", prunings.len());
//! # Ok(())
//! # }
//! ```

mod error;
mod partition;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod pruning;
mod run;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use error::RetentionError;
pub use partition::{Partition, PartitionInterval, PartitionIntervalError, Stays};
pub use pruning::Pruning;
pub(crate) use pruning::{StoredPruning, is_statement_of};
pub use run::Retention;
