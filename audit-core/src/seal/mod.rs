//! The tree over the whole log, and the signed statements of how large it is.
//!
//! Every header becomes a leaf of one Merkle tree (RFC 6962), in the order of its stream. Any writer does that as far as
//! its role may, a few times a second ([`Seal`]), and any number may at once. Whoever holds the key of the log signs, every few
//! seconds, a [`Checkpoint`] of the tree: what was in the log by then can be neither changed, removed nor reordered without
//! contradicting it, by nobody who does not hold that key, and by nobody at all for those who kept an earlier checkpoint.
//!
//! [`Sealer`] does both. `audit seal` runs it; a service may, too, with
//! [`Builder::checkpoint_signer`](crate::Builder::checkpoint_signer).

mod checkpoint;
mod outside;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod sealer;
#[cfg(feature = "sqlite")]
mod sqlite;
mod work;

pub use checkpoint::{Checkpoint, CheckpointError};
pub(crate) use place::open;
pub use sealer::{Sealed, Sealer, SealerError};
pub(crate) use work::{Settings, Task, Turn};

/// Whether a writer puts headers into the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// It does, as far as its role may.
    Run,
    /// It leaves that to other instances, or to `audit seal`.
    Leave,
}
