//! Whether the log still is what its writers froze.
//!
//! A [`Verifier`] reads everything, in one snapshot, and computes it again. Headers are looked at in the order of their
//! streams: each names the hash of the one before, and is the leaf of the [tree](crate::seal) that was made of it. The tree
//! grows again, leaf by leaf, and is compared with each checkpoint on the way. Rows are looked at in the order of time: each
//! belongs to the batch that its stream and number say, a batch has all of its rows or they lie among the dead letters, and
//! the root over them is the one that the header names.
//!
//! A stream whose writer was killed ends like one whose end was cut off before it was sealed. So writers say when a stream begins,
//! goes on and ends, and [`Report::silences`] lists those that did neither of the latter: whoever knows of no crash then
//! asks what became of them.
//!
//! In PostgreSQL a row has to lie in the partition that is for its time, where whoever asks for that time looks. In SQLite JSON and
//! addresses have to be spelt as a writer spells them: the same value, spelt otherwise, is not found by its text.
//!
//! Memory holds the leaves of the batches that overlap at one time, and of the dead letters, 40 bytes each, not the log.
//!
//! # What it cannot see
//!
//! Without a trusted key and without a checkpoint that the verifier kept: a log that was written anew by somebody who computed
//! all hashes again. Without a trusted key of the writers: batches that somebody with a writer's privileges added in a stream of
//! their own. Before it is sealed: the end of a stream that was cut off. A server that answers whoever verifies otherwise than
//! others: views, rules, policies, types and casts are found, a server that was changed is not, its system catalogs included, nor the
//! pages of a SQLite file (`PRAGMA integrity_check` tells). Restore a backup elsewhere, and verify that.
//! Changes of what is no evidence: entries that wait in the outbox, settings, legal holds, of which the entries
//! `audit.hold_added` and `audit.hold_removed` tell, and what only sealers go by: `xid` of a header, `watermark` and `db_time` of a
//! checkpoint, with which sealing can be held up for an hour at most, and then is found. Entries that were never recorded leave no trace at all, and whoever holds the
//! keys can do whatever they can.
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
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod as_written;
mod broken;
mod chain;
mod checkpoints;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod decode;
mod header_record;
mod hexadecimal;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod proof;
mod prove;
mod prunings;
mod redactions;
mod report;
mod run;
mod saved;
mod scope;
mod signatures;
mod silence;
mod source;
#[cfg(feature = "sqlite")]
mod sqlite;
mod sweep;
mod tree;
mod twice;

pub use archive::{Archive, ArchiveError, check_archive};
pub use archiver::ArchiverError;
pub(crate) use archiver::{Written, archive};
pub use broken::Break;
pub use proof::{Proof, ProofError, Proved};
pub use prove::{ProveError, prove};
pub use redactions::Redaction;
pub use report::{Progress, Report};
pub use run::{Verifier, verify};
pub use saved::{SavedCheckpoint, SavedCheckpointError};
pub use silence::Silence;
