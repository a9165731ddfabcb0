//! A header, as proofs and archives hold it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::hexadecimal;
use crate::batch::{Hash, Header, HeaderKind};

/// A header without the root of its rows, which whoever checks it computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HeaderRecord {
    pub(super) stream_id: Uuid,
    pub(super) batch_no: i64,
    kind: String,
    pub(super) first_seq: i64,
    pub(super) n: i32,
    first_created: DateTime<Utc>,
    last_created: DateTime<Utc>,
    #[serde(with = "hexadecimal::one")]
    prev_hash: Hash,
    writer_time: DateTime<Utc>,
    key_id: Option<String>,
    #[serde(with = "hexadecimal::optional")]
    sig: Option<Vec<u8>>,
    pub(super) db_time: DateTime<Utc>,
}

impl HeaderRecord {
    pub(super) fn new(header: Header, db_time: DateTime<Utc>) -> Self {
        Self {
            stream_id: header.stream_id,
            batch_no: header.batch_no,
            kind: header.kind.as_str().to_owned(),
            first_seq: header.first_seq,
            n: header.n,
            first_created: header.first_created,
            last_created: header.last_created,
            prev_hash: header.prev_hash,
            writer_time: header.writer_time,
            key_id: header.key_id,
            sig: header.sig,
            db_time,
        }
    }

    /// The header whose rows have this root; nothing where it is of no known kind.
    pub(super) fn header(&self, rows_root: Hash) -> Option<Header> {
        Some(Header {
            stream_id: self.stream_id,
            batch_no: self.batch_no,
            kind: HeaderKind::parse(&self.kind)?,
            first_seq: self.first_seq,
            n: self.n,
            first_created: self.first_created,
            last_created: self.last_created,
            rows_root,
            prev_hash: self.prev_hash,
            writer_time: self.writer_time,
            key_id: self.key_id.clone(),
            sig: self.sig.clone(),
        })
    }
}
