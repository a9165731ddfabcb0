//! One segment file: written at its end, read from its start.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::disk;
use super::error::JournalError;
use super::frame::{
    CHECKSUM_BYTES, FRAME_HEAD_BYTES, FRAME_MAGIC, FrameHead, SEGMENT_HEAD_BYTES, SegmentHead, VERSION, checksum,
};
use super::record;
use crate::batch::Batch;

/// How a file's bytes are brought to the disk. Tests put a failing or a slow one in its place.
pub(super) type Sync = fn(&File) -> io::Result<()>;

/// The frame of a batch.
pub(super) fn frame(batch: &Batch) -> Vec<u8> {
    let payload = record::encode(batch);
    let header = batch.header();
    let head = FrameHead {
        length: u32::try_from(payload.len()).expect("a batch's bytes are bounded far below 4 GiB"),
        batch_no: header.batch_no,
        first_seq: header.first_seq,
        n: header.n.unsigned_abs(),
        writer_time: header.writer_time,
        header_hash: *batch.header_hash(),
    };
    let mut frame = Vec::with_capacity(FRAME_HEAD_BYTES + payload.len() + CHECKSUM_BYTES);
    head.encode(&mut frame);
    frame.extend_from_slice(&payload);
    frame.extend_from_slice(&checksum(&payload));
    frame
}

/// The end of a segment file.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    file: File,
    path: PathBuf,
    sync: Sync,
}

impl SegmentWriter {
    /// A new file with its first frame, both on the disk. After an error there is no file.
    pub(super) fn create(path: PathBuf, head: &SegmentHead, frame: &[u8], sync: Sync) -> Result<Self, JournalError> {
        let file = disk::create_private(&path).map_err(JournalError::io("create", &path))?;
        let mut writer = Self { file, path, sync };
        let written = writer.append(&[head.encode().as_slice(), frame].concat()).and_then(|()| {
            let directory = writer.path.parent().unwrap_or(Path::new("."));
            disk::sync_directory(directory)
        });
        if let Err(error) = written {
            // A file that cannot be removed either is torn at its first frame, which harms nobody.
            let _ = std::fs::remove_file(&writer.path);
            return Err(error);
        }
        Ok(writer)
    }

    /// Brings a frame to the disk. After an error the file must not be written again.
    pub(super) fn append(&mut self, frame: &[u8]) -> Result<(), JournalError> {
        self.file.write_all(frame).map_err(JournalError::io("write", &self.path))?;
        (self.sync)(&self.file).map_err(JournalError::io(JournalError::SYNC, &self.path))
    }
}

/// What comes next in a segment.
#[derive(Debug)]
pub(super) enum Item {
    Batch(Box<Batch>),
    /// Bytes that are no whole frame.
    Damaged(Damage),
    /// The last frame was not written to its end, so that nobody was told of it.
    Torn {
        bytes: u64,
    },
    End,
}

/// Bytes of a segment that are no whole frame.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    /// The frame's head, where that is whole.
    pub(super) head: Option<FrameHead>,
}

/// Reads a segment file, frame by frame.
#[derive(Debug)]
pub(super) struct SegmentReader {
    file: File,
    pub(super) path: PathBuf,
    stream_id: Uuid,
    /// `None` where its bytes are damaged.
    pub(super) head: Option<SegmentHead>,
    offset: u64,
}

impl SegmentReader {
    /// A segment of a stream, or of whichever its head names.
    pub(super) fn open(path: PathBuf, stream_id: Option<Uuid>) -> Result<Self, JournalError> {
        let mut file = File::open(&path).map_err(JournalError::io("open", &path))?;
        let mut head = Vec::with_capacity(SEGMENT_HEAD_BYTES);
        let head_bytes = SEGMENT_HEAD_BYTES as u64;
        (&mut file).take(head_bytes).read_to_end(&mut head).map_err(JournalError::io("read", &path))?;
        if let Some(version) = SegmentHead::version(&head).filter(|version| *version != VERSION) {
            return Err(JournalError::Version { path, version });
        }
        let head =
            SegmentHead::decode(&head).filter(|head| stream_id.is_none_or(|stream_id| head.stream_id == stream_id));
        let stream_id = stream_id.or(head.map(|head| head.stream_id)).unwrap_or_default();
        Ok(Self { file, path, stream_id, head, offset: head_bytes })
    }

    /// How many bytes the file has.
    pub(super) fn length(&self) -> Result<u64, JournalError> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(JournalError::io("read", &self.path))
    }

    /// The next frame of those before `end`.
    pub(super) fn next(&mut self, end: u64) -> Result<Item, JournalError> {
        let available = end.saturating_sub(self.offset);
        if available == 0 {
            return Ok(Item::End);
        }
        let head = self.read(self.offset, available.min(FRAME_HEAD_BYTES as u64))?;
        match FrameHead::decode(&head) {
            Some(head) if head.frame_bytes() <= available => {
                let bytes = self.read(self.offset, head.frame_bytes())?;
                if let Some(batch) = self.batch(&head, &bytes) {
                    self.offset += head.frame_bytes();
                    return Ok(Item::Batch(Box::new(batch)));
                }
                Ok(self.damaged(bytes, head.frame_bytes(), Some(head)))
            }
            None if available >= FRAME_HEAD_BYTES as u64 => {
                let mut bytes = self.read(self.offset, available)?;
                let next = next_head(&bytes);
                let skipped = next.map_or(available, |next| next as u64);
                bytes.truncate(next.unwrap_or(usize::MAX));
                Ok(self.damaged(bytes, skipped, None))
            }
            _ => {
                self.offset = end;
                Ok(Item::Torn { bytes: available })
            }
        }
    }

    fn damaged(&mut self, bytes: Vec<u8>, skipped: u64, head: Option<FrameHead>) -> Item {
        let offset = self.offset;
        self.offset += skipped;
        Item::Damaged(Damage { offset, bytes, head })
    }

    /// The batch of a frame, if every byte of it is as it was written.
    fn batch(&self, head: &FrameHead, frame: &[u8]) -> Option<Batch> {
        let (payload, sum) = frame.get(FRAME_HEAD_BYTES..)?.split_last_chunk::<CHECKSUM_BYTES>()?;
        if checksum(payload) != *sum {
            return None;
        }
        let batch = record::decode(payload)?;
        let same = batch.header().stream_id == self.stream_id
            && batch.header().batch_no == head.batch_no
            && *batch.header_hash() == head.header_hash;
        same.then_some(batch)
    }

    /// Bytes of the file; fewer where it ends early.
    fn read(&mut self, offset: u64, length: u64) -> Result<Vec<u8>, JournalError> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| (&mut self.file).take(length).read_to_end(&mut bytes))
            .map_err(JournalError::io("read", &self.path))?;
        Ok(bytes)
    }
}

/// Where in the bytes the next whole head begins, the first byte aside.
fn next_head(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len()).find(|&at| bytes[at..].starts_with(&FRAME_MAGIC) && FrameHead::decode(&bytes[at..]).is_some())
}
