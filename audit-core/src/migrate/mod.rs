//! Migrations (skeleton: `Report`, `Error` and `Status` are the contract).

/// What a migration run did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Versions applied by this run, in order.
    pub applied: Vec<i64>,
}

/// Why a database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not be reached, or failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl Error {
    /// Whether waiting may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.class() == crate::store::ErrorClass::Transient,
        }
    }
}
