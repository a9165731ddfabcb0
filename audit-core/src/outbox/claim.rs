//! A frozen batch that is written on its rows in the outbox.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Record;
use crate::batch::{Batch, Hash, Header, HeaderKind};
use crate::store::{ErrorClass, StoreError};

/// A frozen batch as the outbox gives it back: enough to make the very same bytes again.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) stream_id: Uuid,
    pub(crate) batch_no: i64,
    /// JSON of a header.
    pub(crate) header: String,
    /// In the order of the batch.
    pub(crate) records: Vec<Record>,
}

/// What of a header the rows do not tell. Times are µs since 1970.
#[derive(Serialize, Deserialize)]
struct Columns {
    first_seq: i64,
    n: i32,
    first_created: i64,
    last_created: i64,
    rows_root: Hash,
    prev_hash: Hash,
    writer_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sig: Option<Vec<u8>>,
}

/// The header's JSON.
pub(crate) fn header_text(header: &Header) -> String {
    let columns = Columns {
        first_seq: header.first_seq,
        n: header.n,
        first_created: header.first_created.timestamp_micros(),
        last_created: header.last_created.timestamp_micros(),
        rows_root: header.rows_root,
        prev_hash: header.prev_hash,
        writer_time: header.writer_time.timestamp_micros(),
        key_id: header.key_id.clone(),
        sig: header.sig.clone(),
    };
    serde_json::to_string(&columns).expect("numbers have a JSON form")
}

impl Claim {
    /// The batch that was claimed.
    ///
    /// # Errors
    ///
    /// When the rows are not those that the header was made of: somebody changed them, or another release froze them.
    pub(crate) fn batch(self) -> Result<Batch, StoreError> {
        let Self { stream_id, batch_no, header, records } = self;
        let changed = || {
            let action = format!("cannot make the claimed batch {batch_no} of stream {stream_id} again");
            StoreError::new(ErrorClass::Operator, action, "its rows in audit_outbox are not those it was made of")
        };
        let time = |micros| DateTime::<Utc>::from_timestamp_micros(micros).ok_or_else(changed);
        let columns: Columns = serde_json::from_str(&header).map_err(|_| changed())?;
        let header = Header {
            stream_id,
            batch_no,
            kind: HeaderKind::Outbox,
            first_seq: columns.first_seq,
            n: columns.n,
            first_created: time(columns.first_created)?,
            last_created: time(columns.last_created)?,
            rows_root: columns.rows_root,
            prev_hash: columns.prev_hash,
            writer_time: time(columns.writer_time)?,
            key_id: columns.key_id,
            sig: columns.sig,
        };
        let drafts = records.into_iter().map(|record| record.thaw(header.writer_time)).collect();
        Batch::again(header, drafts).ok_or_else(changed)
    }
}
