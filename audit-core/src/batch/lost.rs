//! What stands for a batch that was lost.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Batch, Hash, Header, HeaderKind};
use crate::encoding;

impl Batch {
    /// A header without rows in the place of a batch that was lost. `hash` is that of the lost header, by which its
    /// successor names it; zeros where nobody knows it.
    pub(crate) fn lost(
        stream_id: Uuid,
        batch_no: i64,
        first_seq: i64,
        n: i32,
        prev_hash: Hash,
        hash: Hash,
        time: DateTime<Utc>,
    ) -> Self {
        let header = Header {
            stream_id,
            batch_no,
            kind: HeaderKind::Lost,
            first_seq,
            n,
            first_created: time,
            last_created: time,
            rows_root: hash,
            prev_hash,
            writer_time: time,
            key_id: None,
            sig: None,
        };
        let header_hash = encoding::header_hash(&header);
        Self { header, header_hash, rows: Vec::new() }
    }
}
