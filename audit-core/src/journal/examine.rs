//! What lies in a journal's directory, for those who operate the service.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::disk;
use super::error::JournalError;
use super::name::{LOCK, Name};
use super::segment::{Item, SegmentReader};

/// What lies in a journal's directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalContents {
    /// Of each process that has batches there, or left some, in the order in which they started.
    pub writers: Vec<WriterContents>,
    /// Files that hold the bytes of damaged records. They are evidence: nothing removes them.
    pub quarantined: Vec<PathBuf>,
    /// Bytes of all of it.
    pub bytes: u64,
}

/// What one process has in the journal, or left there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterContents {
    /// Where it lies.
    pub directory: PathBuf,
    /// Whether the process lives. What the dead left is adopted by the next writer that uses the directory.
    pub is_alive: bool,
    /// Batches in the files. Some of them may be stored already: a file goes when all of its batches are.
    pub batches: u64,
    /// Their entries.
    pub entries: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// When the oldest batch was frozen.
    pub oldest: Option<DateTime<Utc>>,
    /// Damaged places.
    pub damaged: u64,
    /// Files that are not a journal's, or cannot be read.
    pub strange: Vec<PathBuf>,
}

/// Reads what lies in a journal's directory, and changes nothing. Blocks on the disk, and takes a while where much lies there.
///
/// # Errors
///
/// When the directory cannot be read.
///
/// # Examples
///
/// ```no_run
/// for writer in audit_core::examine_journal("/var/lib/billing/audit-journal".as_ref())?.writers {
///     println!("{}: {} entries wait", writer.directory.display(), writer.entries);
/// }
/// # Ok::<(), audit_core::JournalError>(())
/// ```
pub fn examine_journal(directory: &Path) -> Result<JournalContents, JournalError> {
    let mut contents = JournalContents { bytes: disk::bytes_below(directory), ..JournalContents::default() };
    for entry in fs::read_dir(directory).map_err(JournalError::io("list", directory))? {
        let path = entry.map_err(JournalError::io("list", directory))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if Uuid::parse_str(name).is_ok() {
            contents.writers.extend(examine_writer(path)?);
        } else if path.extension().is_some_and(|extension| extension == "damaged") {
            contents.quarantined.push(path);
        }
    }
    contents.writers.sort_by(|a, b| a.directory.cmp(&b.directory));
    contents.quarantined.sort();
    Ok(contents)
}

/// Nothing, where the directory was adopted meanwhile.
fn examine_writer(directory: PathBuf) -> Result<Option<WriterContents>, JournalError> {
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(JournalError::io("list", &directory))?,
    };
    let mut contents = WriterContents {
        is_alive: is_locked(&directory.join(LOCK)),
        bytes: disk::bytes_below(&directory),
        directory,
        batches: 0,
        entries: 0,
        oldest: None,
        damaged: 0,
        strange: Vec::new(),
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        match path.file_name().and_then(|name| name.to_str()).map_or(Name::Foreign, Name::parse) {
            Name::Segment { stream_id, .. } => {
                if contents.read(&path, stream_id).is_err() {
                    contents.strange.push(path);
                }
            }
            Name::Foreign => contents.strange.push(path),
            Name::Lock | Name::Moved { .. } | Name::Refrozen { .. } | Name::Scratch => {}
        }
    }
    Ok(Some(contents))
}

impl WriterContents {
    fn read(&mut self, path: &Path, stream_id: Uuid) -> Result<(), JournalError> {
        let mut reader = SegmentReader::open(path.to_owned(), Some(stream_id))?;
        let end = reader.length()?;
        loop {
            match reader.next(end)? {
                Item::Batch(batch) => {
                    let frozen = batch.header().writer_time;
                    self.batches += 1;
                    self.entries += batch.rows().len() as u64;
                    self.oldest = Some(self.oldest.map_or(frozen, |oldest| oldest.min(frozen)));
                }
                Item::Damaged(_) => self.damaged += 1,
                // The last record, where its writer lives, is being written.
                Item::Torn { .. } => {}
                Item::End => return Ok(()),
            }
        }
    }
}

fn is_locked(lock: &Path) -> bool {
    File::open(lock).is_ok_and(|lock| lock.try_lock_shared().is_err())
}
