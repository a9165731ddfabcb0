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
        Self { class, action: action.into(), reason: reason.into(), source: None }
    }

    /// Adds what caused it. Its text may contain neither a row's values nor a password.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What is to be done about it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        self.class
    }
}
