//! What can go wrong in a store, by what is to be done about it.

use std::error::Error;

/// What is to be done about a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// It passes: connect again and send the same bytes.
    Transient,
    /// The store refuses a row's values, and will refuse them again.
    Poison,
    /// No partition takes rows of these times, and none is made; nothing of the batch was sent. Its entries have to be
    /// frozen again, with times that are taken.
    OutOfWindow,
    /// An operator has to act (missing table, privilege, password), or the error is not known: hold the
    /// batch, alarm, and keep trying.
    Operator,
}

/// What a store could not do. Never contains a row's values.
#[derive(Debug, thiserror::Error)]
#[error("{action}: {reason}")]
pub struct StoreError {
    class: ErrorClass,
    /// Whether a right is missing.
    is_denied: bool,
    /// What was tried, `cannot reach postgres://…`.
    action: String,
    /// What came back, with what to do where that is known.
    reason: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of a class. Neither text may contain a row's values or a password.
    pub fn new(class: ErrorClass, action: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { class, is_denied: false, action: action.into(), reason: reason.into(), source: None }
    }

    /// Adds what caused it. Its text may contain neither a row's values nor a password.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The same of somebody who lacks the right to do it.
    #[cfg(feature = "postgres")]
    pub(super) fn denied(self) -> Self {
        Self { is_denied: true, ..self }
    }

    /// What is to be done about it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        self.class
    }

    /// Whether it was refused because whoever asked has no right to it (PostgreSQL: SQLSTATE 42501), and may be granted one.
    /// Of SQLite, which has no users, it never is.
    #[must_use]
    pub const fn is_permission_denied(&self) -> bool {
        self.is_denied
    }
}
