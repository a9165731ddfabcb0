//! What lies in a journal's directory, for whoever operates the service.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::disk;
use super::error::JournalError;
use super::name::{LOCK, Name};
use super::segment::{Item, SegmentReader};

/// What lies in the directory that a service's writers keep their journals in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// Each writer's journal, by when it started.
    pub writers: Vec<WriterJournal>,
    /// Files with the bytes of damaged records, which are kept apart.
    pub quarantined: Vec<PathBuf>,
}

/// One writer's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WriterJournal {
    /// Where it lies.
    pub directory: PathBuf,
    /// Whether its writer lives, or is being adopted just now. What a living writer has is in motion, and its numbers include
    /// batches that are stored already.
    pub is_alive: bool,
    /// How many streams it holds batches of.
    pub streams: u64,
    /// Files of batches.
    pub segments: u64,
    /// Batches in them.
    pub batches: u64,
    /// Entries in those.
    pub entries: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// When the oldest batch was frozen.
    pub oldest: Option<DateTime<Utc>>,
    /// Places that hold no whole record.
    pub damaged: u64,
    /// Files that cannot be read, or are not a journal's: which, and why.
    pub unreadable: Vec<String>,
}

/// Looks at what lies in a journal's directory, and changes nothing. Reads every file: seconds for each GiB.
///
/// # Errors
///
/// When the directory cannot be listed.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> Result<(), audit_core::JournalError> {
/// let found = audit_core::journal::inspect("/var/lib/billing/audit".as_ref())?;
/// for writer in found.writers.iter().filter(|writer| !writer.is_alive) {
///     println!("{} entries wait to be adopted", writer.entries);
/// }
/// # Ok(())
/// # }
/// ```
pub fn inspect(directory: &Path) -> Result<Inspection, JournalError> {
    let mut found = Inspection { writers: Vec::new(), quarantined: Vec::new() };
    for entry in fs::read_dir(directory).map_err(JournalError::io("list", directory))?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if Uuid::parse_str(&name).is_ok() {
            // One that is gone meanwhile was stored, or adopted.
            found.writers.extend(writer(path));
        } else if name.ends_with(".damaged") {
            found.quarantined.push(path);
        }
    }
    found.writers.sort_by(|a, b| a.directory.cmp(&b.directory));
    found.quarantined.sort();
    Ok(found)
}

fn writer(directory: PathBuf) -> Option<WriterJournal> {
    let mut journal = WriterJournal {
        is_alive: is_locked(&directory),
        streams: 0,
        segments: 0,
        batches: 0,
        entries: 0,
        bytes: disk::bytes_below(&directory),
        oldest: None,
        damaged: 0,
        unreadable: Vec::new(),
        directory,
    };
    let mut streams = BTreeSet::new();
    // The same batch may stand in two segments.
    let mut batches = HashMap::new();
    for entry in fs::read_dir(&journal.directory).ok()?.flatten() {
        match entry.file_name().to_str().map_or(Name::Foreign, Name::parse) {
            Name::Segment { stream_id, .. } => {
                journal.segments += 1;
                streams.insert(stream_id);
                match read(entry.path(), stream_id, &mut journal, &mut batches) {
                    Err(error) if !error.is_not_found() => journal.unreadable.push(error.explained()),
                    _ => {}
                }
            }
            Name::Foreign => {
                let reason = format!("{} is not one of a journal's files: move it away", entry.path().display());
                journal.unreadable.push(reason);
            }
            Name::Lock | Name::Moved { .. } | Name::Refrozen { .. } | Name::Scratch => {}
        }
    }
    journal.streams = streams.len() as u64;
    journal.batches = batches.len() as u64;
    journal.entries = batches.values().sum();
    Some(journal)
}

fn read(
    path: PathBuf,
    stream_id: Uuid,
    journal: &mut WriterJournal,
    batches: &mut HashMap<(Uuid, i64), u64>,
) -> Result<(), JournalError> {
    let mut reader = SegmentReader::open(path, Some(stream_id))?;
    let end = reader.length()?;
    journal.damaged += u64::from(reader.head.is_none());
    loop {
        match reader.next(end)? {
            Item::Batch(batch) => {
                let header = batch.header();
                batches.insert((stream_id, header.batch_no), batch.rows().len() as u64);
                let oldest = journal.oldest.get_or_insert(header.writer_time);
                *oldest = header.writer_time.min(*oldest);
            }
            Item::Damaged(_) => journal.damaged += 1,
            Item::Torn { .. } => {}
            Item::End => return Ok(()),
        }
    }
}

/// Whether somebody holds the lock. Held for a moment to find out: a writer that adopts just then comes again.
fn is_locked(directory: &Path) -> bool {
    let Ok(lock) = File::open(directory.join(LOCK)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}
