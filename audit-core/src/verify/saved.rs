//! What a verifier kept of an earlier look.

use std::str::FromStr;

use crate::seal::{Checkpoint, CheckpointError};
use crate::signing::{Note, NoteError};

/// A checkpoint that the verifier kept: what the log was then, it has to contain now.
///
/// As text it is a signed note, or, where nobody had signed, the three lines of the checkpoint alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedCheckpoint {
    pub(super) checkpoint: Checkpoint,
    pub(super) note: Option<Note>,
}

/// Why a text is no checkpoint that could have been kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SavedCheckpointError {
    /// Not even a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint, and what follows it is no signature.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl SavedCheckpoint {
    /// What it states.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl FromStr for SavedCheckpoint {
    type Err = SavedCheckpointError;

    fn from_str(text: &str) -> Result<Self, SavedCheckpointError> {
        if text.contains("\n\n") {
            let note: Note = text.parse()?;
            return Ok(Self { checkpoint: note.text().parse()?, note: Some(note) });
        }
        Ok(Self { checkpoint: text.parse()?, note: None })
    }
}
