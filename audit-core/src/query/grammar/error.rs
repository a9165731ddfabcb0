//! What is wrong with a query's text.

use std::ops::Range;

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default())]
pub struct ParseError {
    message: String,
    hint: Option<String>,
    span: Range<usize>,
}

impl ParseError {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, span }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What was probably meant, or what to write instead.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Where: a range of bytes of the text, on character boundaries.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}
