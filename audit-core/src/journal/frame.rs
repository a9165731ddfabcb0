//! The fixed-size heads of segments and frames, in bytes and out of them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::batch::{Batch, Hash, Header, UNKNOWN};

const SEGMENT_MAGIC: [u8; 8] = *b"AUDITJNL";
pub(super) const VERSION: u32 = 1;
pub(super) const SEGMENT_HEAD_BYTES: usize = 88;

/// Holds bytes that no text in UTF-8 has, so that nothing that a caller wrote looks like a frame.
pub(super) const FRAME_MAGIC: [u8; 4] = [0xFF, b'A', b'J', 0xFE];
pub(super) const FRAME_HEAD_BYTES: usize = 72;
pub(super) const CHECKSUM_BYTES: usize = 4;

/// Where a stream stands between two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The number of the next batch.
    pub(super) batch_no: i64,
    /// The `seq` of its first row.
    pub(super) seq: i64,
    /// The hash of the header before.
    pub(super) prev_hash: Hash,
    /// When one of the two batches was frozen.
    pub(super) writer_time: DateTime<Utc>,
}

impl Position {
    /// Where every stream begins.
    pub(super) const BEGINNING: Self =
        Self { batch_no: 0, seq: 0, prev_hash: [0; 32], writer_time: DateTime::UNIX_EPOCH };

    /// Before a batch.
    pub(super) const fn before(header: &Header) -> Self {
        Self {
            batch_no: header.batch_no,
            seq: header.first_seq,
            prev_hash: header.prev_hash,
            writer_time: header.writer_time,
        }
    }

    /// Behind a batch.
    pub(super) fn after(batch: &Batch) -> Self {
        let header = batch.header();
        Self {
            batch_no: header.batch_no + 1,
            seq: header.first_seq + i64::from(header.n),
            prev_hash: *batch.header_hash(),
            writer_time: header.writer_time,
        }
    }
}

/// How a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHead {
    pub(super) stream_id: Uuid,
    /// Before the first batch.
    pub(super) start: Position,
}

impl SegmentHead {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEAD_BYTES);
        out.extend_from_slice(&SEGMENT_MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(self.stream_id.as_bytes());
        out.extend_from_slice(&self.start.batch_no.to_be_bytes());
        out.extend_from_slice(&self.start.seq.to_be_bytes());
        out.extend_from_slice(&self.start.prev_hash);
        out.extend_from_slice(&self.start.writer_time.timestamp_micros().to_be_bytes());
        out.extend_from_slice(&checksum(&out));
        out
    }

    /// Which version of the format the bytes are whole in.
    pub(super) fn version(bytes: &[u8]) -> Option<u32> {
        let mut fields = Fields::checked(bytes, SEGMENT_HEAD_BYTES)?;
        (fields.array::<8>() == SEGMENT_MAGIC).then(|| u32::from_be_bytes(fields.array()))
    }

    /// Nothing where the bytes are not whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::checked(bytes, SEGMENT_HEAD_BYTES)?;
        let whole = fields.array::<8>() == SEGMENT_MAGIC && u32::from_be_bytes(fields.array()) == VERSION;
        let stream_id = Uuid::from_bytes(fields.array());
        let start = Position {
            batch_no: fields.i64(),
            seq: fields.i64(),
            prev_hash: fields.array(),
            writer_time: fields.time()?,
        };
        whole.then_some(Self { stream_id, start })
    }
}

/// How a frame begins: enough of the batch to tell what was lost when the payload is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// Bytes of payload.
    pub(super) length: u32,
    pub(super) batch_no: i64,
    pub(super) first_seq: i64,
    pub(super) n: u32,
    pub(super) writer_time: DateTime<Utc>,
    pub(super) header_hash: Hash,
}

impl FrameHead {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&FRAME_MAGIC);
        out.extend_from_slice(&self.length.to_be_bytes());
        out.extend_from_slice(&self.batch_no.to_be_bytes());
        out.extend_from_slice(&self.first_seq.to_be_bytes());
        out.extend_from_slice(&self.n.to_be_bytes());
        out.extend_from_slice(&self.writer_time.timestamp_micros().to_be_bytes());
        out.extend_from_slice(&self.header_hash);
        let checksum = checksum(&out[start..]);
        out.extend_from_slice(&checksum);
    }

    /// Nothing where the bytes are not whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::checked(bytes, FRAME_HEAD_BYTES)?;
        let is_frame = fields.array::<4>() == FRAME_MAGIC;
        let head = Self {
            length: u32::from_be_bytes(fields.array()),
            batch_no: fields.i64(),
            first_seq: fields.i64(),
            n: u32::from_be_bytes(fields.array()),
            writer_time: fields.time()?,
            header_hash: fields.array(),
        };
        let is_possible = (0..i64::MAX).contains(&head.batch_no)
            && i32::try_from(head.n).is_ok()
            && head.first_seq >= 0
            && head.first_seq.checked_add(head.n.into()).is_some();
        (is_frame && is_possible).then_some(head)
    }

    /// Bytes of the whole frame.
    pub(super) const fn frame_bytes(&self) -> u64 {
        FRAME_HEAD_BYTES as u64 + self.length as u64 + CHECKSUM_BYTES as u64
    }

    /// Before the batch; the hash of the header before is not known.
    pub(super) const fn before(&self) -> Position {
        Position { batch_no: self.batch_no, seq: self.first_seq, prev_hash: UNKNOWN, writer_time: self.writer_time }
    }

    /// Behind the batch.
    pub(super) fn after(&self) -> Position {
        Position {
            batch_no: self.batch_no + 1,
            seq: self.first_seq + i64::from(self.n),
            prev_hash: self.header_hash,
            writer_time: self.writer_time,
        }
    }
}

pub(super) fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    crc32c::crc32c(bytes).to_be_bytes()
}

/// Takes fields of fixed size from bytes that are known to suffice.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields before a checksum that holds.
    fn checked(bytes: &'a [u8], size: usize) -> Option<Self> {
        let (fields, sum) = bytes.get(..size)?.split_at(size - CHECKSUM_BYTES);
        (checksum(fields) == sum).then_some(Self(fields))
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (array, rest) = self.0.split_first_chunk().expect("heads have the size of their fields");
        self.0 = rest;
        *array
    }

    fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.array())
    }

    fn time(&mut self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.i64())
    }
}
