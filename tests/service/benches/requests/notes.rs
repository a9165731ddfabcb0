//! What handlers write down for themselves, without a thought of the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One handler that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// For whom.
    pub(crate) user: String,
    /// What for, as a word of the log.
    pub(crate) action: &'static str,
    /// How it ended, as a word of the log.
    pub(crate) end: &'static str,
}

/// The handlers that began, by their requests' ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<HashMap<String, Note>>>);

impl Notes {
    /// Notes that a handler begins. Until it says something else, it was cancelled.
    pub(crate) fn begin(&self, id: &str, user: &str, action: &'static str) {
        let note = Note { user: user.to_owned(), action, end: "cancelled" };
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), note);
        assert!(before.is_none(), "two requests have one id");
    }

    /// Notes how it ended.
    pub(crate) fn end(&self, id: &str, end: &'static str) {
        if let Some(note) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(id) {
            note.end = end;
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> HashMap<String, Note> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
