//! A batch as the payload of a frame, and back: the same bytes, the same hashes.

use std::borrow::Cow;
use std::net::IpAddr;

use chrono::serde::ts_microseconds;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::batch::{Batch, Draft, FrozenRow, Hash, Header, HeaderKind};
use crate::{ActorType, Metadata, Outcome, Row, canonical, encoding, merkle};

/// The payload of a frame.
pub(super) fn encode(batch: &Batch) -> Vec<u8> {
    let header = batch.header();
    let record = BatchRecord {
        stream_id: header.stream_id,
        batch_no: header.batch_no,
        kind: Some(header.kind).filter(|kind| kind.is_bare()).map(|kind| Cow::Borrowed(kind.as_str())),
        first_seq: header.first_seq,
        prev_hash: header.prev_hash,
        first_created: header.first_created,
        last_created: header.last_created,
        writer_time: header.writer_time,
        key_id: header.key_id.as_deref().map(Cow::Borrowed),
        sig: header.sig.as_deref().map(Cow::Borrowed),
        rows: batch.rows().iter().map(RowRecord::of).collect(),
    };
    let json =
        serde_json::to_vec(&record).expect("a record has text keys alone, and serialising to memory does not fail");
    let length = u32::try_from(json.len()).expect("a batch's bytes are bounded far below 4 GiB");
    [length.to_be_bytes().as_slice(), &lz4_flex::block::compress(&json)].concat()
}

/// The batch of a payload; nothing where the bytes are not such a payload. Leaves, root and header hash are computed
/// anew: whoever knows the hash compares it.
pub(super) fn decode(payload: &[u8]) -> Option<Batch> {
    let (length, compressed) = payload.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let json = lz4_flex::block::decompress(compressed, length).ok()?;
    let record: BatchRecord<'_> = serde_json::from_slice(&json).ok()?;
    let kind = record.kind.map_or(Some(HeaderKind::Entries), |kind| HeaderKind::parse(&kind))?;
    let drafts = record.rows.into_iter().map(RowRecord::draft);
    let rows = Draft::all_frozen(drafts, record.stream_id, record.first_seq);
    let header = Header {
        stream_id: record.stream_id,
        batch_no: record.batch_no,
        kind,
        first_seq: record.first_seq,
        n: i32::try_from(rows.len()).ok()?,
        first_created: record.first_created,
        last_created: record.last_created,
        rows_root: merkle::root(rows.iter().map(|row| row.leaf)),
        prev_hash: record.prev_hash,
        writer_time: record.writer_time,
        key_id: record.key_id.map(Cow::into_owned),
        sig: record.sig.map(Cow::into_owned),
    };
    let header_hash = encoding::header_hash(&header);
    Some(Batch { header, header_hash, rows })
}

#[derive(Serialize, Deserialize)]
struct BatchRecord<'a> {
    stream_id: Uuid,
    batch_no: i64,
    /// Of a header without rows; nothing of one with entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<Cow<'a, str>>,
    first_seq: i64,
    prev_hash: Hash,
    #[serde(with = "ts_microseconds")]
    first_created: DateTime<Utc>,
    #[serde(with = "ts_microseconds")]
    last_created: DateTime<Utc>,
    #[serde(with = "ts_microseconds")]
    writer_time: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sig: Option<Cow<'a, [u8]>>,
    rows: Vec<RowRecord<'a>>,
}

/// A row without what the header tells of it.
#[derive(Serialize, Deserialize)]
struct RowRecord<'a> {
    id: Uuid,
    #[serde(with = "ts_microseconds")]
    created_at: DateTime<Utc>,
    /// 16 bytes, as a UUID is written.
    salt: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor_id: Option<Cow<'a, str>>,
    actor_type: ActorType,
    action: Cow<'a, str>,
    target_type: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_id: Option<Cow<'a, str>>,
    metadata: Cow<'a, Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip_address: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
    outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    span_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Cow<'a, str>>,
}

impl<'a> RowRecord<'a> {
    fn of(frozen: &'a FrozenRow) -> Self {
        let row = &frozen.row;
        Self {
            id: row.id,
            created_at: row.created_at,
            salt: Uuid::from_bytes(row.salt.expect("freezing gives every row a salt")),
            actor_id: text(row.actor_id.as_ref()),
            actor_type: row.actor_type,
            action: Cow::Borrowed(&row.action),
            target_type: Cow::Borrowed(&row.target_type),
            target_id: text(row.target_id.as_ref()),
            metadata: Cow::Borrowed(row.metadata.as_map()),
            ip_address: row.ip_address,
            user_agent: text(row.user_agent.as_ref()),
            outcome: row.outcome,
            error: text(row.error.as_ref()),
            duration_us: row.duration_us,
            attempt_id: row.attempt_id,
            request_id: text(row.request_id.as_ref()),
            trace_id: text(row.trace_id.as_ref()),
            span_id: text(row.span_id.as_ref()),
            tenant_id: text(row.tenant_id.as_ref()),
            on_behalf_of: text(row.on_behalf_of.as_ref()),
            origin: text(row.origin.as_ref()),
        }
    }

    fn draft(self) -> Draft {
        let metadata = canonical::Object::of(&*self.metadata);
        let row = Row {
            id: self.id,
            actor_id: self.actor_id.map(Cow::into_owned),
            actor_type: self.actor_type,
            action: self.action.into_owned(),
            target_type: self.target_type.into_owned(),
            target_id: self.target_id.map(Cow::into_owned),
            metadata: Metadata::new(),
            ip_address: self.ip_address,
            user_agent: self.user_agent.map(Cow::into_owned),
            created_at: self.created_at,
            outcome: self.outcome,
            error: self.error.map(Cow::into_owned),
            duration_us: self.duration_us,
            attempt_id: self.attempt_id,
            request_id: self.request_id.map(Cow::into_owned),
            trace_id: self.trace_id.map(Cow::into_owned),
            span_id: self.span_id.map(Cow::into_owned),
            tenant_id: self.tenant_id.map(Cow::into_owned),
            on_behalf_of: self.on_behalf_of.map(Cow::into_owned),
            origin: self.origin.map(Cow::into_owned),
            recorded_at: None,
            stream_id: Uuid::nil(),
            seq: 0,
            salt: Some(self.salt.into_bytes()),
            redacted: None,
        };
        Draft { row, metadata, is_changed: false }
    }
}

fn text(value: Option<&String>) -> Option<Cow<'_, str>> {
    value.map(|text| Cow::Borrowed(text.as_str()))
}
