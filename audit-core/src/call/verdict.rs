//! How a call ended, and what is kept of its error.

use super::ended::Words;
use super::said::Voice;
use super::{AuditOutcome, Captures};
use crate::Outcome;

/// What the returned value tells; or what the attribute says of it, which goes before.
///
/// The value is asked when the call ends, and by code that is the same for every function.
#[expect(missing_debug_implementations, reason = "it borrows values of any type")]
pub struct Verdict<'a> {
    usual: Outcome,
    voice: Voice<'a>,
    words: Option<Words<'a>>,
    outcome: Option<Outcome>,
    kept: Kept,
}

/// What is kept of the error.
enum Kept {
    /// What it says itself.
    ItsWords,
    /// What the attribute names, be it nothing.
    Named(Option<String>),
}

impl<'a> Verdict<'a> {
    /// A value that is no error.
    #[must_use]
    pub const fn success(voice: Voice<'a>) -> Self {
        Self { usual: Outcome::Success, voice, words: None, outcome: None, kept: Kept::ItsWords }
    }

    /// An error.
    #[must_use]
    pub const fn failure(voice: Voice<'a>, words: Words<'a>) -> Self {
        Self { usual: Outcome::Failure, voice, words: Some(words), outcome: None, kept: Kept::ItsWords }
    }

    /// Takes the outcome from the attribute.
    #[must_use]
    pub fn with_outcome<T>(mut self, captures: &mut Captures, value: &T, look: impl FnOnce(&T) -> Outcome) -> Self {
        self.outcome = Some(captures.attempt("outcome", || look(value)).unwrap_or(self.usual));
        self
    }

    /// Takes the text of the error from the attribute.
    #[must_use]
    pub fn with_error(mut self, captures: &mut Captures, error: impl FnOnce() -> Option<String>) -> Self {
        self.kept = Kept::Named(captures.attempt("error", error).flatten());
        self
    }

    /// The outcome, and the text of the error.
    pub(super) fn settle(self, captures: &mut Captures) -> (Outcome, Option<String>) {
        let Self { usual, voice, words, outcome, kept } = self;
        let asked = || voice.and_then(|voice| captures.attempt("outcome", || voice.audit_outcome()));
        let outcome = outcome.or_else(asked).unwrap_or(usual);
        if let Kept::Named(error) = kept {
            return (outcome, error);
        }
        if voice.is_none() && words.is_none() {
            return (outcome, None);
        }
        let text = || voice.and_then(AuditOutcome::audit_error).or_else(|| words.map(|words| words.text()));
        (outcome, captures.attempt("error", text).flatten())
    }
}
