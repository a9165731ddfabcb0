//! Why nothing was pruned.

use std::path::PathBuf;

use uuid::Uuid;

use crate::signing::SignError;
use crate::store::StoreError;
use crate::verify::ArchiverError;

/// Why a partition was not pruned, or could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// The store did not do it. The limit and the interval of partitions are among its reasons.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log has checkpoints, so that whoever trusts their key would take an unsigned pruning for a forgery.
    #[error("the log {origin} is signed: prune it with its key, or verifying will take the pruning for a forgery")]
    KeyNeeded {
        /// The log that its newest checkpoint names.
        origin: String,
    },
    /// The key is that of another log.
    #[error("the key is of {name}, and the log is {origin}: take the key that signs its checkpoints")]
    OtherKey {
        /// The key's name.
        name: String,
        /// The log that its newest checkpoint names.
        origin: String,
    },
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The code that signs panicked.
    #[error("the signer of prunings panicked")]
    SignerPanicked {
        /// The panic.
        source: tokio::task::JoinError,
    },
    /// What is to be signed cannot be: a user's name breaks lines, say.
    #[error("the name of this user holds control characters, which no signed statement can: prune as another user")]
    Unsignable,
    /// A row whose leaf has to be kept has none.
    #[error("entry {id} is not as it was frozen, and its batch has rows that stay: `audit verify` tells more")]
    Unprovable {
        /// The entry.
        id: Uuid,
    },
    /// The rows could not be archived first.
    #[error(transparent)]
    Archive(#[from] ArchiverError),
    /// Rows came, or were erased, after they were archived.
    #[error("rows of the partition came or were erased while they were archived: nothing was dropped, so try again")]
    Changed,
    /// The file of the rows is not what was written any more, or is gone.
    #[error("{} is not what was written and checked any more: nothing was dropped, so see who else writes there", path.display())]
    ArchiveChanged {
        /// The file.
        path: PathBuf,
    },
    /// What is pruned could not be recorded.
    #[error("cannot record what is pruned")]
    Unrecorded(#[source] crate::Error),
}
