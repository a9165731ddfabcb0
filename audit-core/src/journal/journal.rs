//! One process's journal: its directory, its lock, and how much may lie there.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::disk;
use super::error::JournalError;
use super::name::{LOCK, Name};
use super::segment::{Damage, Sync};
use super::status::JournalStatus;

/// A segment that has reached this size is followed by another.
const SEGMENT_BYTES: u64 = 8 << 20;

/// The journal of one writer. The lanes share it, each with a [`Backlog`](super::Backlog) of its own.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Where all writers keep theirs.
    root: PathBuf,
    /// This writer's own.
    directory: PathBuf,
    limit: u64,
    pub(super) sync: Sync,
    /// A segment that has reached this size is followed by another.
    pub(super) segment_bytes: u64,
    /// Held while the writer lives; nobody adopts what is locked.
    _lock: File,
    /// Bytes in the directory.
    own_bytes: AtomicU64,
    /// Bytes beside it, as last counted.
    other_bytes: AtomicU64,
    next_number: AtomicU64,
    is_alarmed: AtomicBool,
    damaged: AtomicU64,
    pub(super) untrusted: AtomicU64,
    /// Whether the journals of the dead were all looked at.
    has_adopted: AtomicBool,
    /// When the oldest batch of each segment was frozen.
    oldest: Mutex<HashMap<PathBuf, DateTime<Utc>>>,
    /// What the last refusal said, until something is taken again.
    refusal: Mutex<Option<String>>,
}

impl Journal {
    /// A journal of this process below `root`, empty and locked.
    pub(crate) fn open(root: &Path, limit: u64) -> Result<Arc<Self>, JournalError> {
        Self::open_with(root, limit, SEGMENT_BYTES, File::sync_data)
    }

    pub(super) fn open_with(
        root: &Path,
        limit: u64,
        segment_bytes: u64,
        sync: Sync,
    ) -> Result<Arc<Self>, JournalError> {
        disk::create_private_directory(root).map_err(JournalError::io("create", root))?;
        let id = Uuid::now_v7().to_string();
        // Locked before it has the name by which adopters know a journal.
        let unnamed = root.join(format!(".{id}"));
        let directory = root.join(&id);
        disk::create_private_directory(&unnamed).map_err(JournalError::io("create", &unnamed))?;
        let lock_path = unnamed.join(LOCK);
        let lock = disk::create_private(&lock_path).map_err(JournalError::io("create", &lock_path))?;
        lock.try_lock().map_err(|error| JournalError::io("lock", &lock_path)(error.into()))?;
        fs::rename(&unnamed, &directory).map_err(JournalError::io("name", &directory))?;
        disk::sync_directory(root)?;
        let journal = Self {
            other_bytes: AtomicU64::new(disk::bytes_below(root)),
            root: root.to_owned(),
            directory,
            limit,
            sync,
            segment_bytes,
            _lock: lock,
            own_bytes: AtomicU64::new(0),
            next_number: AtomicU64::new(0),
            is_alarmed: AtomicBool::new(false),
            damaged: AtomicU64::new(0),
            untrusted: AtomicU64::new(0),
            has_adopted: AtomicBool::new(false),
            oldest: Mutex::default(),
            refusal: Mutex::default(),
        };
        Ok(Arc::new(journal))
    }

    /// Where this writer's files lie.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where all writers' directories lie.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file of this writer.
    pub(super) fn path(&self, name: Name) -> PathBuf {
        self.directory.join(name.to_string())
    }

    /// A path for a new segment.
    pub(super) fn segment_path(&self, stream_id: Uuid) -> PathBuf {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        self.path(Name::Segment { stream_id, number })
    }

    /// Takes room for bytes to be written. Whoever does not write them gives them back.
    pub(super) fn reserve(&self, bytes: u64) -> Result<(), JournalError> {
        let others = self.other_bytes.load(Ordering::Relaxed);
        let reserved = self.own_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |own| {
            (own + bytes + others <= self.limit).then_some(own + bytes)
        });
        match reserved {
            Ok(_) => {
                self.alarm_at_half();
                Ok(())
            }
            Err(own) => Err(JournalError::Full { path: self.root.clone(), bytes: own + others, limit: self.limit }),
        }
    }

    /// Gives back the room of bytes that are gone.
    pub(super) fn release(&self, bytes: u64) {
        self.own_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Counts what lies beside this writer's own files.
    pub(crate) fn count_others(&self) {
        let all = disk::bytes_below(&self.root);
        let own = disk::bytes_below(&self.directory);
        self.other_bytes.store(all.saturating_sub(own), Ordering::Relaxed);
    }

    fn alarm_at_half(&self) {
        let bytes = self.bytes();
        let is_alarming = bytes >= self.limit / 2;
        if is_alarming && !self.is_alarmed.swap(true, Ordering::Relaxed) {
            tracing::error!(
                directory = %self.root.display(), bytes, limit = self.limit,
                "the audit journal is half full: bring the store back before it refuses"
            );
        } else if !is_alarming {
            self.is_alarmed.store(false, Ordering::Relaxed);
        }
    }

    fn bytes(&self) -> u64 {
        self.own_bytes.load(Ordering::Relaxed) + self.other_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn count_damage(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps the bytes of damaged frames beside the journals, within the limit, and raises the alarm.
    pub(super) fn quarantine(&self, segment: &Path, damage: &Damage) {
        self.count_damage();
        let parts = [segment.parent().and_then(Path::file_name), segment.file_stem()];
        let [writer, stem] = parts.map(|part| part.unwrap_or_default().to_string_lossy());
        let kept = self.root.join(format!("{writer}-{stem}-{}.damaged", damage.offset));
        let bytes = damage.bytes.len();
        let fits = self.bytes() + bytes as u64 <= self.limit;
        let full = || JournalError::Full { path: self.root.clone(), bytes: self.bytes(), limit: self.limit };
        let result = if fits { keep(&kept, &damage.bytes) } else { Err(full()) };
        match result {
            Ok(()) => tracing::error!(
                segment = %segment.display(), offset = damage.offset, bytes, kept = %kept.display(),
                "a record of the audit journal is damaged; its bytes are kept apart, and an `audit.gap` entry tells of it"
            ),
            Err(error) => tracing::error!(
                segment = %segment.display(), offset = damage.offset, bytes, error = error.explained(),
                "a record of the audit journal is damaged, and its bytes cannot be kept; an `audit.gap` entry tells of it"
            ),
        }
    }

    /// The oldest batch in a segment was frozen then; the segment is gone, where there is no such batch.
    pub(super) fn note_oldest(&self, segment: &Path, frozen: Option<DateTime<Utc>>) {
        let mut oldest = self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        match frozen {
            Some(frozen) => oldest.insert(segment.to_owned(), frozen),
            None => oldest.remove(segment),
        };
    }

    /// Remembers why nothing is taken, or that something is again. Says so when it changes.
    pub(super) fn refuses(&self, error: Option<&JournalError>) {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        match (error, refusal.is_some()) {
            (Some(error), false) => {
                let reason = error.explained();
                tracing::error!(reason, "the audit journal refuses; batches wait in memory until it takes them again");
                *refusal = Some(reason);
            }
            (Some(error), true) => *refusal = Some(error.explained()),
            (None, true) => {
                tracing::info!(directory = %self.root.display(), "the audit journal takes batches again");
                *refusal = None;
            }
            (None, false) => {}
        }
    }

    /// The journals of the dead that were there at the start have been adopted, or cannot be.
    pub(crate) fn note_adopted(&self) {
        self.has_adopted.store(true, Ordering::Relaxed);
    }

    /// Whether the journals of the dead that were there at the start have been adopted, or cannot be.
    pub(crate) fn has_adopted(&self) -> bool {
        self.has_adopted.load(Ordering::Relaxed)
    }

    /// How it is with this journal.
    pub(crate) fn status(&self) -> JournalStatus {
        JournalStatus {
            directory: self.root.clone(),
            bytes: self.bytes(),
            limit: self.limit,
            oldest: self.oldest.lock().unwrap_or_else(PoisonError::into_inner).values().min().copied(),
            damaged: self.damaged.load(Ordering::Relaxed),
            untrusted: self.untrusted.load(Ordering::Relaxed),
            refusal: self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl Drop for Journal {
    /// A journal that holds nothing leaves nothing behind.
    fn drop(&mut self) {
        if self.own_bytes.load(Ordering::Relaxed) == 0
            && let Err(error) = super::abandoned::remove_directory(&self.directory)
        {
            tracing::warn!(%error, "an empty audit journal stays behind, for the next process to remove");
        }
    }
}

/// Under its name there are all of the bytes, or nothing.
fn keep(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    if path.try_exists().map_err(JournalError::io("read", path))? {
        // The same bytes were found before.
        return Ok(());
    }
    disk::write_private(path, bytes)
}
