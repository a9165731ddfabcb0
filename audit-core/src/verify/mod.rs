//! Whether the log still is what its writers froze.
//!
//! [`verify`] reads everything, in one snapshot, and computes it again. Headers are looked at in the order of their
//! streams: each names the hash of the one before, so none can be changed, put between others or taken away but the
//! last. Rows are looked at in the order of time: each belongs to the batch that its stream and number say, a batch has all of
//! its rows or they lie among the dead letters, and the root over them is the one that the header names.
//!
//! Memory holds the leaves of the batches that overlap at one time, and of the dead letters, 40 bytes each, not the log.
//!
//! # What it cannot see
//!
//! A stream that was removed whole, the last batches of a stream removed together with their rows, what no row contradicts in
//! the last header of a stream, a batch that was removed with its rows and replaced by a header that calls it lost, and a log that
//! was written anew by somebody who computed all hashes again. Entries that were
//! never recorded leave no trace at all.
//!
//! # Examples
//!
//! ```no_run
//! use audit_core::store::Schema;
//! use audit_core::verify::verify;
//!
//! # async fn run() -> Result<(), audit_core::store::StoreError> {
//! let report = verify("postgres://auditor@localhost/app", &Schema::default(), |_| ()).await?;
//! for found in &report.breaks {
//!     println!("{found}");
//! }
//! assert!(report.is_intact());
//! # Ok(())
//! # }
//! ```

mod archive;
mod archiver;
mod broken;
mod chain;
mod checkpoints;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod decode;
mod header_record;
mod hexadecimal;
#[cfg(feature = "postgres")]
mod postgres;
mod proof;
mod prove;
mod prunings;
mod report;
mod run;
mod saved;
mod scope;
mod signatures;
mod source;
#[cfg(feature = "sqlite")]
mod sqlite;
mod sweep;
mod tree;

pub use archive::{Archive, ArchiveError, check_archive};
pub use archiver::ArchiverError;
pub(crate) use archiver::archive;
pub use broken::Break;
pub use proof::{Proof, ProofError, Proved};
pub use prove::{ProveError, prove};
pub use report::{Progress, Report};
pub use run::{Verifier, verify};
pub use saved::{SavedCheckpoint, SavedCheckpointError};
