//! What keeps values from being erased.

use uuid::Uuid;

use crate::Error;
use crate::store::StoreError;

/// Why values were not erased.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErasureError {
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing can be recorded, so nothing was erased.
    #[error("nothing was erased, because it cannot be recorded")]
    NotRecorded(#[source] Error),
    /// What was erased is recorded as attempted, and how it ended is not.
    #[error("it was recorded that this was attempted, and could not be that it is done")]
    EndNotRecorded(#[source] Error),
    /// A row is under legal hold.
    #[error(
        "entry {id} is under the legal hold {hold}: `audit hold list` shows it, and nothing of it is erased before its release"
    )]
    Held {
        /// The entry.
        id: Uuid,
        /// The hold.
        hold: Uuid,
    },
    /// A row is not as it was frozen, and is left as evidence.
    #[error("entry {id} is not as it was frozen, and is left as it is: run `audit verify`")]
    Broken {
        /// The entry.
        id: Uuid,
    },
}
