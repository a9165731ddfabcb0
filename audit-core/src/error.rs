//! What can go wrong with the auditor itself.

/// What the auditor could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not be reached, or failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
