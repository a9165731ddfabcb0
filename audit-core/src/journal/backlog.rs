//! The batches of one lane that wait on the disk, oldest first.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::Journal;
use super::disk;
use super::error::JournalError;
use super::frame::{Position, SEGMENT_HEAD_BYTES, SegmentHead};
use super::moves::Moves;
use super::replay::{Replay, Step};
use super::segment::{SegmentReader, SegmentWriter, frame};
use crate::batch::Batch;
use crate::spans;

/// The batches of one lane that wait on the disk, oldest first: written at one end, read from the other. Reading does not
/// wait for writing. Every method blocks on the disk.
#[derive(Debug)]
pub(crate) struct Backlog {
    journal: Arc<Journal>,
    /// Locked while a frame is brought to the disk, which may take seconds.
    writer: Mutex<Writer>,
    reader: Mutex<Option<Reader>>,
    /// Locked for moments. Oldest first.
    segments: Mutex<VecDeque<Segment>>,
}

#[derive(Debug, Default)]
struct Writer {
    /// The end of the last segment, while more may be written there.
    open: Option<SegmentWriter>,
    /// The last batch that was written.
    last: Option<(Uuid, i64)>,
    /// Whether a segment, all of it stored, could not be removed: what took the places of its batches is needed then, too.
    stays_behind: bool,
}

#[derive(Debug)]
struct Reader {
    path: PathBuf,
    replay: Replay,
    /// The oldest batch, once it has been read.
    front: Option<Arc<Step>>,
}

/// What is known of a segment without reading it.
#[derive(Debug, Clone)]
struct Segment {
    path: PathBuf,
    stream_id: Uuid,
    /// Before the oldest batch of which it is known that it waits; the file may begin earlier.
    start: Position,
    /// Behind its last batch.
    after: Position,
    /// Bytes that are on the disk for sure.
    end: u64,
    /// Bytes behind those, of a write that failed.
    unsure: u64,
    /// Batches in it that are not stored yet.
    waiting: u64,
    /// Whether more may be written to it.
    is_open: bool,
    /// Whether the disk has never failed it.
    is_trusted: bool,
}

impl Backlog {
    pub(crate) fn new(journal: Arc<Journal>) -> Self {
        Self { journal, writer: Mutex::default(), reader: Mutex::default(), segments: Mutex::default() }
    }

    /// Brings a batch to the disk, behind the others. The same batch again is there already.
    ///
    /// After an error it is not there, and what is there stays.
    pub(crate) fn append(&self, batch: &Batch) -> Result<(), JournalError> {
        let mut writer = lock(&self.writer);
        let key = (batch.header().stream_id, batch.header().batch_no);
        if writer.last == Some(key) {
            return Ok(());
        }
        let written = spans::journal(batch).in_scope(|| self.write(&mut writer, batch));
        self.journal.refuses(written.as_ref().err());
        if written.is_ok() {
            writer.last = Some(key);
        }
        self.sweep(&mut writer);
        written
    }

    /// The oldest batch, or what stands for it; nothing where there is none.
    pub(crate) fn front(&self) -> Result<Option<Arc<Step>>, JournalError> {
        let Some(segment) = lock(&self.segments).iter().find(|segment| segment.waiting > 0).cloned() else {
            return Ok(None);
        };
        let mut reader = lock(&self.reader);
        if reader.as_ref().is_none_or(|reader| reader.path != segment.path) {
            *reader = Some(self.open(&segment)?);
        }
        let reader = reader.as_mut().expect("it was opened above");
        let oldest = segment.after.batch_no - i64::try_from(segment.waiting).unwrap_or(i64::MAX);
        loop {
            if let Some(front) = reader.front.as_ref().filter(|front| front.batch_no().is_none_or(|no| no >= oldest)) {
                return Ok(Some(Arc::clone(front)));
            }
            let step = match reader.replay.next(Some(segment.end))? {
                Some(step) => Some(step),
                None => reader.replay.finish(Some(segment.after)),
            };
            if let Some(Step::Batch(batch)) = &step {
                self.journal.note_oldest(&segment.path, Some(batch.header().writer_time));
            }
            reader.front = Some(Arc::new(step.unwrap_or_else(|| Step::Lost(reader.replay.unknown()))));
        }
    }

    fn open(&self, segment: &Segment) -> Result<Reader, JournalError> {
        let mut replay = Replay::new(Arc::clone(&self.journal), segment.stream_id);
        match SegmentReader::open(segment.path.clone(), Some(segment.stream_id)) {
            Ok(reader) => replay.enter(reader, Some(segment.start)),
            Err(error) if error.is_not_found() => {
                tracing::error!(
                    segment = %segment.path.display(), batches = segment.waiting,
                    "somebody has removed a segment of the audit journal with batches that are not stored"
                );
                replay.stand_at(segment.start);
            }
            Err(error) => return Err(error),
        }
        Ok(Reader { path: segment.path.clone(), replay, front: None })
    }

    /// The oldest batch is in the store, or given up. It is `stored`, if it need not have been read from here.
    pub(crate) fn forget_front(&self, stored: Option<&Batch>) {
        let front = lock(&self.reader).as_mut().and_then(|reader| reader.front.take());
        let read = front.as_deref().and_then(Step::batch);
        if let Some(segment) = lock(&self.segments).iter_mut().find(|segment| segment.waiting > 0) {
            segment.waiting -= 1;
            let after = stored.or(read).map(Position::after);
            if let Some(after) = after.filter(|after| after.batch_no > segment.start.batch_no) {
                segment.start = after;
            }
        }
        // Where the disk is at work on the last segment, whoever works there sweeps.
        if let Ok(mut writer) = self.writer.try_lock() {
            self.sweep(&mut writer);
        }
    }

    fn write(&self, writer: &mut Writer, batch: &Batch) -> Result<(), JournalError> {
        let frame = frame(batch);
        let bytes = frame.len() as u64;
        let start = Position::before(batch.header());
        let goes_on = |segment: &Segment| {
            segment.is_open
                && segment.stream_id == batch.header().stream_id
                && segment.after.batch_no == start.batch_no
                && segment.end + bytes <= self.journal.segment_bytes
        };
        if writer.open.is_some() && !lock(&self.segments).back().is_some_and(goes_on) {
            self.close(writer);
        }
        if let Some(open) = writer.open.as_mut() {
            self.journal.reserve(bytes)?;
            if let Err(error) = open.append(&frame) {
                // What the failed write left there counts until the file goes.
                if let Some(segment) = lock(&self.segments).back_mut() {
                    segment.unsure += bytes;
                    if error.is_failed_sync() {
                        segment.is_trusted = false;
                        self.journal.untrusted.fetch_add(1, Ordering::Relaxed);
                    }
                }
                self.close(writer);
                return Err(error);
            }
            if let Some(segment) = lock(&self.segments).back_mut() {
                segment.end += bytes;
                segment.after = Position::after(batch);
                segment.waiting += 1;
            }
        } else {
            let end = SEGMENT_HEAD_BYTES as u64 + bytes;
            let stream_id = batch.header().stream_id;
            let path = self.journal.segment_path(stream_id);
            self.journal.reserve(end)?;
            let head = SegmentHead { stream_id, start };
            let created = SegmentWriter::create(path.clone(), &head, &frame, self.journal.sync);
            writer.open = Some(created.inspect_err(|_| self.journal.release(end))?);
            self.journal.note_oldest(&path, Some(start.writer_time));
            lock(&self.segments).push_back(Segment {
                path,
                stream_id,
                start,
                after: Position::after(batch),
                end,
                unsure: 0,
                waiting: 1,
                is_open: true,
                is_trusted: true,
            });
        }
        Ok(())
    }

    /// Nothing more is written to the last segment.
    fn close(&self, writer: &mut Writer) {
        writer.open = None;
        if let Some(segment) = lock(&self.segments).back_mut() {
            segment.is_open = false;
        }
    }

    /// Removes the segments whose batches are all stored.
    fn sweep(&self, writer: &mut Writer) {
        let gone: Vec<Segment> = {
            let mut segments = lock(&self.segments);
            let gone = segments.iter().take_while(|segment| segment.waiting == 0).count();
            segments.drain(..gone).collect()
        };
        for segment in &gone {
            if segment.is_open {
                writer.open = None;
            }
            if !segment.is_trusted {
                self.journal.untrusted.fetch_sub(1, Ordering::Relaxed);
            }
            self.journal.note_oldest(&segment.path, None);
            match disk::remove(&segment.path) {
                Ok(()) => self.journal.release(segment.end + segment.unsure),
                Err(error) => {
                    writer.stays_behind = true;
                    tracing::warn!(%error, "an audit journal's segment, all of it stored, stays behind");
                }
            }
        }
        if gone.is_empty() {
            return;
        }
        if let Err(error) = disk::sync_directory(self.journal.directory()) {
            tracing::warn!(%error, "an audit journal's segment, all of it stored, may come back after a crash");
        }
        if writer.stays_behind {
            return;
        }
        for segment in &gone {
            let before = segment.after.batch_no;
            if let Err(error) = Moves::forget_before(self.journal.directory(), segment.stream_id, before) {
                tracing::warn!(%error, "a file of the audit journal stays behind");
            }
        }
    }
}

/// Every change behind these locks is complete before anything that could panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
