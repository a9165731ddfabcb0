//! What is hashed, version 1: rows, their personal fields, and batch headers.
//!
//! `docs/encoding.md` of the project describes every byte, and `docs/encoding-vectors.json` has examples. A change is version 2,
//! never an edit.
//!
//! A row's leaf and a header's hash are SHA-256 over length-prefixed fields. Personal fields of a row enter as salted
//! commitments, so that a value can be erased while the row stays provable. The header behind a
//! [`lost`](crate::batch::HeaderKind::Lost) one names not that one's hash but its `rows_root`, which holds the hash of the header
//! that is missing.

mod erased;
#[cfg(test)]
mod vectors;

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub(crate) use erased::Redacted;

use crate::batch::{Hash, Header};
use crate::{Row, canonical};

const ROW_TAG: &[u8] = b"audit-row-v1";
const SALT_TAG: &[u8] = b"audit-salt-v1";
const COMMITMENT_TAG: &[u8] = b"audit-commitment-v1";
const HEADER_TAG: &[u8] = b"audit-header-v1";
const SIGNATURE_TAG: &[u8] = b"audit-header-signature-v1";
const TREE_TAG: &[u8] = b"audit-tree-v1";

/// Before the key of a detail, where it is named as a field.
const METADATA: &str = "metadata.";

/// Domain separation of RFC 6962, section 2.1.
const LEAF_PREFIX: [u8; 1] = [0x00];

/// Makes commitments unguessable.
pub(crate) type Salt = [u8; 16];

/// The leaf of a row whose values are all there; `metadata` is the row's.
pub(crate) fn leaf(row: &Row, salt: &Salt, metadata: &canonical::Object) -> Hash {
    let mut scratch = Fields::new();
    row_hash(row, metadata.members(), |field, value| {
        let value = value?;
        let salt = scratch.field_salt(salt, field);
        Some(scratch.commitment(field, &salt, value))
    })
}

/// The leaf of a row as the log holds it; nothing where that says too little or too much: neither a salt nor what stands for
/// erased values, or both, or a value that was erased.
#[must_use]
pub fn row_leaf(row: &Row) -> Option<Hash> {
    let metadata = canonical::Object::of(row.metadata.as_map());
    match (&row.salt, &row.redacted) {
        (Some(salt), None) => Some(leaf(row, salt, &metadata)),
        (None, Some(redacted)) => erased::leaf(row, &Redacted::parse(redacted)?, &metadata),
        _ => None,
    }
}

/// The hash by which a header is known to its successor.
#[must_use]
pub fn header_hash(header: &Header) -> Hash {
    let mut out = Fields::new();
    out.field(HEADER_TAG);
    out.field(header.stream_id.as_bytes());
    out.field(&header.batch_no.to_be_bytes());
    out.field(header.kind.as_str().as_bytes());
    out.field(&header.first_seq.to_be_bytes());
    out.field(&header.n.to_be_bytes());
    out.time(header.first_created);
    out.time(header.last_created);
    out.field(&header.rows_root);
    out.field(&header.prev_hash);
    out.time(header.writer_time);
    out.text(header.key_id.as_deref());
    out.hash()
}

/// What a writer signs of a batch: its header's hash, which covers the rows, the batches before, and the id of the key.
#[must_use]
pub fn signed_message(header_hash: &Hash) -> Vec<u8> {
    let mut message = Fields::new();
    message.field(SIGNATURE_TAG);
    message.field(header_hash);
    message.0
}

/// The leaf of a header in the tree of the whole log, which covers the signature, too, and when the database took the batch.
#[must_use]
pub fn tree_leaf(header: &Header, db_time: DateTime<Utc>) -> Hash {
    let mut leaf = Fields::of_leaf();
    leaf.field(TREE_TAG);
    leaf.field(&header_hash(header));
    leaf.optional(header.sig.as_deref());
    leaf.time(db_time);
    leaf.hash()
}

/// `commit` gives what stands for a personal field, if anything does; it is asked for each once.
fn row_hash<'m>(
    row: &Row,
    metadata: impl ExactSizeIterator<Item = (Cow<'m, str>, &'m str)>,
    mut commit: impl FnMut(&str, Option<&str>) -> Option<Hash>,
) -> Hash {
    let mut out = Fields::of_leaf();
    let mut personal = |out: &mut Fields, field: &str, value: Option<&str>| {
        out.optional(commit(field, value).as_ref().map(Hash::as_slice));
    };
    out.field(ROW_TAG);
    out.field(row.stream_id.as_bytes());
    out.field(&row.seq.to_be_bytes());
    out.field(row.id.as_bytes());
    out.time(row.created_at);
    out.field(row.actor_type.as_str().as_bytes());
    personal(&mut out, "actor_id", row.actor_id.as_deref());
    out.field(row.action.as_bytes());
    out.field(row.target_type.as_bytes());
    personal(&mut out, "target_id", row.target_id.as_deref());
    out.field(row.outcome.as_str().as_bytes());
    personal(&mut out, "error", row.error.as_deref());
    out.optional(row.duration_us.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    out.optional(row.attempt_id.as_ref().map(|id: &Uuid| id.as_bytes().as_slice()));
    out.text(row.request_id.as_deref());
    out.text(row.trace_id.as_deref());
    out.text(row.span_id.as_deref());
    out.text(row.tenant_id.as_deref());
    personal(&mut out, "on_behalf_of", row.on_behalf_of.as_deref());
    personal(&mut out, "ip_address", row.ip_address.map(|address| address.to_string()).as_deref());
    personal(&mut out, "user_agent", row.user_agent.as_deref());
    out.text(row.origin.as_deref());
    out.field(&length(metadata.len()).to_be_bytes());
    let mut field = String::with_capacity(64);
    field.push_str(METADATA);
    for (key, value) in metadata {
        out.field(key.as_bytes());
        field.truncate(METADATA.len());
        field.push_str(&key);
        personal(&mut out, &field, Some(value));
    }
    out.hash()
}

/// What stands for a personal value.
pub(crate) fn commitment(field: &str, field_salt: &Salt, value: &str) -> Hash {
    Fields::new().commitment(field, field_salt, value)
}

/// Makes the commitment of one field unguessable.
pub(crate) fn field_salt(row_salt: &Salt, field: &str) -> Salt {
    Fields::new().field_salt(row_salt, field)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Length-prefixed fields, one after the other. Digests take them whole: many small pieces cost more than their bytes.
struct Fields(Vec<u8>);

impl Fields {
    /// Room for most rows.
    const CAPACITY: usize = 640;

    fn new() -> Self {
        Self(Vec::with_capacity(Self::CAPACITY))
    }

    /// What becomes a leaf of a tree.
    fn of_leaf() -> Self {
        let mut fields = Self::new();
        fields.0.extend_from_slice(&LEAF_PREFIX);
        fields
    }

    fn field(&mut self, value: &[u8]) {
        self.0.extend_from_slice(&length(value.len()).to_be_bytes());
        self.0.extend_from_slice(value);
    }

    fn optional(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.field(value),
            None => self.0.extend_from_slice(&u32::MAX.to_be_bytes()),
        }
    }

    fn text(&mut self, value: Option<&str>) {
        self.optional(value.map(str::as_bytes));
    }

    fn time(&mut self, value: DateTime<Utc>) {
        self.field(&value.timestamp_micros().to_be_bytes());
    }

    fn hash(&self) -> Hash {
        Sha256::digest(&self.0).into()
    }

    /// [`field_salt`], in place of what stands here.
    fn field_salt(&mut self, row_salt: &Salt, field: &str) -> Salt {
        self.0.clear();
        self.field(SALT_TAG);
        self.field(row_salt);
        self.field(field.as_bytes());
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.hash()[..16]);
        salt
    }

    /// [`commitment`], in place of what stands here.
    fn commitment(&mut self, field: &str, field_salt: &Salt, value: &str) -> Hash {
        self.0.clear();
        self.field(COMMITMENT_TAG);
        self.field(field.as_bytes());
        self.field(field_salt);
        self.field(value.as_bytes());
        self.hash()
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("sanitising bounds every field far below 4 GiB")
}
