//! The journals of processes that died, taken over by exactly one that lives.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::Journal;
use super::disk;
use super::error::JournalError;
use super::moves::Moves;
use super::name::{LOCK, Name};
use super::replay::{Replay, Step};
use super::segment::SegmentReader;

/// The journal of a writer that died. Every method blocks on the disk.
#[derive(Debug)]
pub(crate) struct Abandoned {
    journal: Arc<Journal>,
    directory: PathBuf,
    /// The segments of each stream, oldest first.
    streams: VecDeque<(Uuid, VecDeque<PathBuf>)>,
    current: Option<Current>,
    moves: Arc<Moves>,
    /// Whether everything in the directory is ours to remove.
    is_ours: bool,
    /// Nobody else adopts what is locked.
    _lock: File,
}

#[derive(Debug)]
struct Current {
    stream_id: Uuid,
    replay: Replay,
    segments: VecDeque<PathBuf>,
    /// Read to their ends, and not yet settled.
    read: Vec<PathBuf>,
}

/// What stays of an adopted journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remains {
    Nothing,
    /// Files that are not a journal's, or that could not be read or removed.
    Left,
}

/// The directories of other writers below a journal's root, whether they live or not.
pub(crate) fn others(journal: &Journal) -> Result<Vec<PathBuf>, JournalError> {
    let root = journal.root();
    let mut directories: Vec<PathBuf> = fs::read_dir(root)
        .map_err(JournalError::io("list", root))?
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| Uuid::parse_str(name).is_ok()))
        .map(|entry| entry.path())
        .filter(|path| path != journal.directory())
        .collect();
    directories.sort();
    Ok(directories)
}

impl Abandoned {
    /// Takes over the journal in a directory; nothing where its writer lives, or somebody else was first.
    pub(crate) fn adopt(journal: &Arc<Journal>, directory: &Path) -> Result<Option<Self>, JournalError> {
        let lock_path = directory.join(LOCK);
        let lock = match File::options().write(true).open(&lock_path) {
            Ok(lock) => lock,
            // Somebody else has adopted and removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(JournalError::io("open", &lock_path)(error)),
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(JournalError::io("lock", &lock_path)(error)),
        }
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(JournalError::io("list", directory)(error)),
        };
        let mut segments = BTreeMap::new();
        let mut is_ours = true;
        for entry in entries {
            let entry = entry.map_err(JournalError::io("list", directory))?;
            match entry.file_name().to_str().map_or(Name::Foreign, Name::parse) {
                Name::Segment { stream_id, number } => {
                    segments.insert((stream_id, number), entry.path());
                }
                Name::Lock | Name::Moved { .. } | Name::Refrozen { .. } | Name::Scratch => {}
                Name::Foreign => {
                    tracing::error!(
                        path = %entry.path().display(),
                        "a file in an audit journal is not one of its own; it stays, and so does its directory"
                    );
                    is_ours = false;
                }
            }
        }
        let mut streams: VecDeque<(Uuid, VecDeque<PathBuf>)> = VecDeque::new();
        for ((stream_id, _), path) in segments {
            match streams.back_mut().filter(|(last, _)| *last == stream_id) {
                Some((_, paths)) => paths.push_back(path),
                None => streams.push_back((stream_id, [path].into())),
            }
        }
        Ok(Some(Self {
            journal: Arc::clone(journal),
            directory: directory.to_owned(),
            streams,
            current: None,
            moves: Arc::new(Moves::open(directory)?),
            is_ours,
            _lock: lock,
        }))
    }

    /// Where it lies.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Which of its batches belong elsewhere.
    pub(crate) fn moves(&self) -> &Arc<Moves> {
        &self.moves
    }

    /// What comes next; nothing at the end. Asking says that everything given out before is in the store, or given up.
    ///
    /// A stream whose files cannot be read, or not be removed, is reported and left where it is.
    pub(crate) fn next(&mut self) -> Option<Step> {
        loop {
            match self.next_of_stream() {
                Ok(Some(step)) => return Some(step),
                Ok(None) => {}
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    tracing::error!(%error, source, "what a dead process left in its audit journal stays there");
                    self.is_ours = false;
                }
            }
            let (stream_id, segments) = self.streams.pop_front()?;
            let replay = Replay::new(Arc::clone(&self.journal), stream_id);
            self.current = Some(Current { stream_id, replay, segments, read: Vec::new() });
        }
    }

    fn next_of_stream(&mut self) -> Result<Option<Step>, JournalError> {
        let Some(mut current) = self.current.take() else { return Ok(None) };
        loop {
            if let Some(step) = current.replay.next(None)? {
                self.current = Some(current);
                return Ok(Some(step));
            }
            if current.replay.is_settled() {
                for path in current.read.drain(..) {
                    disk::remove(&path)?;
                }
            }
            if let Some(path) = current.segments.pop_front() {
                let reader = SegmentReader::open(path.clone(), Some(current.stream_id))?;
                if current.read.is_empty()
                    && let Some(head) = &reader.head
                {
                    Moves::forget_before(&self.directory, current.stream_id, head.start.batch_no)?;
                }
                current.replay.enter(reader, None);
                current.read.push(path);
            } else if let Some(step) = current.replay.finish(None) {
                self.current = Some(current);
                return Ok(Some(step));
            } else {
                return Ok(None);
            }
        }
    }

    /// Removes the directory, unless something in it is not ours to remove; then it stays, and is not to be adopted again.
    pub(crate) fn finish(self) -> Result<Remains, JournalError> {
        if !self.is_ours {
            return Ok(Remains::Left);
        }
        remove_directory(&self.directory)?;
        disk::sync_directory(self.journal.root())?;
        Ok(Remains::Nothing)
    }
}

/// Removes a writer's directory with those of its files that hold no batches.
pub(super) fn remove_directory(directory: &Path) -> Result<(), JournalError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(JournalError::io("list", directory)(error)),
    };
    for entry in entries.flatten() {
        if let Some(Name::Moved { .. } | Name::Refrozen { .. } | Name::Scratch) =
            entry.file_name().to_str().map(Name::parse)
        {
            disk::remove(&entry.path())?;
        }
    }
    // The lock last: until then, nobody else looks into the directory.
    disk::remove(&directory.join(LOCK))?;
    match fs::remove_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(JournalError::io("remove", directory)(error)),
        _ => Ok(()),
    }
}
