//! Which batches belong elsewhere than in the stream they were frozen for.
//!
//! Another writer uses the stream, or no partition takes the rows' times: then the batch, and every one behind it in
//! its stream, moves to a stream of its own. That must survive a crash, or the next process would store what this one
//! has moved once more in its old place. So it is on the disk before the first moved batch is sent.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::Journal;
use super::disk;
use super::error::JournalError;
use super::frame::{Position, SegmentHead};
use super::name::Name;
use super::segment::{Item, SegmentReader, frame};
use crate::batch::{Batch, Header};

/// Which batches belong elsewhere. Every method may block on the disk.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    /// Where the batches wait; `None` where they wait in memory, and moves are forgotten with them.
    directory: Option<PathBuf>,
    /// From which batch on a stream moves.
    streams: Mutex<HashMap<Uuid, i64>>,
}

impl Moves {
    /// Moves of batches that wait in memory alone.
    pub(crate) fn in_memory() -> Self {
        Self::default()
    }

    /// Moves of batches that wait in this writer's journal.
    pub(crate) fn of(journal: &Journal) -> Self {
        Self { directory: Some(journal.directory().to_owned()), streams: Mutex::default() }
    }

    /// Moves of batches that wait in a dead writer's directory.
    pub(super) fn open(directory: &Path) -> Result<Self, JournalError> {
        let mut streams = HashMap::new();
        for entry in fs::read_dir(directory).map_err(JournalError::io("list", directory))? {
            let entry = entry.map_err(JournalError::io("list", directory))?;
            if let Some(Name::Moved { stream_id, from }) = entry.file_name().to_str().map(Name::parse) {
                let first = streams.entry(stream_id).or_insert(from);
                *first = from.min(*first);
            }
        }
        Ok(Self { directory: Some(directory.to_owned()), streams: Mutex::new(streams) })
    }

    /// Whether a stream's batches belong elsewhere from some number on.
    pub(crate) fn concern(&self, stream_id: Uuid) -> bool {
        self.streams().contains_key(&stream_id)
    }

    /// Whether a batch belongs elsewhere.
    pub(crate) fn covers(&self, header: &Header) -> bool {
        self.streams().get(&header.stream_id).is_some_and(|from| *from <= header.batch_no)
    }

    /// From this batch on, the stream's batches belong elsewhere, also after a crash.
    pub(crate) fn begin(&self, header: &Header) -> Result<(), JournalError> {
        if self.covers(header) {
            return Ok(());
        }
        if let Some(directory) = &self.directory {
            let path = directory.join(Name::Moved { stream_id: header.stream_id, from: header.batch_no }.to_string());
            match disk::create_private(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(JournalError::io("create", &path)(error));
                }
                _ => disk::sync_directory(directory)?,
            }
        }
        self.streams().insert(header.stream_id, header.batch_no);
        Ok(())
    }

    /// What was sent last in place of a batch whose times were brought into the window.
    pub(crate) fn replacement(&self, batch: &Batch) -> Result<Option<Batch>, JournalError> {
        let Some(path) = self.replacement_path(batch) else { return Ok(None) };
        if !path.try_exists().map_err(JournalError::io("read", &path))? {
            return Ok(None);
        }
        let mut reader = SegmentReader::open(path, None)?;
        match reader.length().and_then(|length| reader.next(length))? {
            Item::Batch(replacement) => Ok(Some(*replacement)),
            // It cannot have been sent: it is whole before that. Or it was damaged later, and a second copy is the lesser
            // evil.
            Item::Damaged(_) | Item::Torn { .. } | Item::End => Ok(None),
        }
    }

    /// Keeps what is going to be sent in place of a batch, also after a crash.
    pub(crate) fn replace(&self, batch: &Batch, replacement: &Batch) -> Result<(), JournalError> {
        let Some(path) = self.replacement_path(batch) else { return Ok(()) };
        let head =
            SegmentHead { stream_id: replacement.header().stream_id, start: Position::before(replacement.header()) };
        disk::write_private(&path, &[head.encode().as_slice(), &frame(replacement)].concat())
    }

    /// No file in a directory holds batches of a stream before a number any more, so that what took their places is needed no
    /// more. Until then it is: whoever finds a batch there after a crash has to send what was stored in its place.
    pub(super) fn forget_before(directory: &Path, stream_id: Uuid, before: i64) -> Result<(), JournalError> {
        let is_settled = |name: &str| matches!(Name::parse(name), Name::Refrozen { stream_id: of, batch_no } if of == stream_id && batch_no < before);
        let entries = fs::read_dir(directory).map_err(JournalError::io("list", directory))?.flatten();
        let settled: Vec<_> = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_settled)).collect();
        if settled.is_empty() {
            return Ok(());
        }
        // A file of batches that came back after a crash would find them gone.
        disk::sync_directory(directory)?;
        settled.iter().try_for_each(|entry| disk::remove(&entry.path()))
    }

    fn replacement_path(&self, batch: &Batch) -> Option<PathBuf> {
        let name = Name::Refrozen { stream_id: batch.header().stream_id, batch_no: batch.header().batch_no };
        self.directory.as_ref().map(|directory| directory.join(name.to_string()))
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<Uuid, i64>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
