//! The files of a journal, as they lie on the disk.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Where frames begin; no payload looks like it.
const MAGIC: [u8; 4] = [0xff, 0x41, 0x4a, 0xfe];
/// Bytes of a segment before its first frame.
const SEGMENT_HEAD: usize = 88;
/// Bytes of a frame before its payload.
const FRAME_HEAD: usize = 72;
/// Where in it the hash of the batch's header is.
const HASH: Range<usize> = 36..68;
/// Bytes of a frame behind its payload.
const CHECKSUM: usize = 4;

/// A batch, as a frame of a journal holds it.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// Its stream.
    pub stream_id: Uuid,
    /// Its number within the stream.
    pub batch_no: i64,
    /// Its entries.
    pub rows: Vec<RecordRow>,
    /// The hash of its header.
    #[serde(skip)]
    pub hash: [u8; 32],
}

/// What tells of an entry whether it was promised to anybody.
#[derive(Debug, Clone, Deserialize)]
pub struct RecordRow {
    /// The entry's id.
    pub id: Uuid,
    /// What was done.
    pub action: String,
    /// To what.
    pub target_id: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// Its metadata.
    pub metadata: Map<String, Value>,
}

impl Record {
    /// What a whole frame holds.
    #[must_use]
    pub fn of(frame: &[u8]) -> Self {
        let payload = &frame[FRAME_HEAD..frame.len() - CHECKSUM];
        let (length, compressed) = payload.split_first_chunk().expect("a payload begins with its length");
        let length = usize::try_from(u32::from_be_bytes(*length)).expect("memory enough");
        let json = lz4_flex::block::decompress(compressed, length).expect("a payload is an LZ4 block");
        let record: Self = serde_json::from_slice(&json).expect("a payload is a batch");
        Self { hash: frame[HASH].try_into().expect("32 bytes"), ..record }
    }

    /// Where a header may stand in its place that says that it is lost: where the batch would be, also if it belongs elsewhere.
    #[must_use]
    pub fn places(&self) -> [(Uuid, i64); 3] {
        let nameless = [self.stream_id.as_bytes().as_slice(), &self.batch_no.to_be_bytes()].concat();
        [(self.stream_id, self.batch_no), (moved(&self.hash), 0), (moved(&nameless), 0)]
    }
}

/// Every file below a folder.
#[must_use]
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The segments of all writers.
#[must_use]
pub fn segments(root: &Path) -> Vec<PathBuf> {
    files(root).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "journal")).collect()
}

/// Where the frames of a segment begin.
#[must_use]
pub fn frames(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&MAGIC)).collect()
}

/// The frames of a segment that were written to their ends, as long as nothing before them is damaged.
#[must_use]
pub fn whole_frames(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut frames = Vec::new();
    let mut start = SEGMENT_HEAD;
    while let Some(head) = bytes.get(start..start + FRAME_HEAD).filter(|head| head.starts_with(&MAGIC)) {
        let length =
            head[MAGIC.len()..].first_chunk().map(|length| u32::from_be_bytes(*length)).expect("a head has it");
        let end = start + FRAME_HEAD + usize::try_from(length).expect("memory enough") + CHECKSUM;
        if end > bytes.len() {
            break;
        }
        frames.push(start..end);
        start = end;
    }
    frames
}

/// The stream that a batch moves to, by what names it.
fn moved(name: &[u8]) -> Uuid {
    let digest = Sha256::new().chain_update(b"audit-moved-v1").chain_update(name).finalize();
    uuid::Builder::from_custom_bytes(*digest.first_chunk().expect("it has 32 bytes")).into_uuid()
}
