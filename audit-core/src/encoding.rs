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

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub(crate) use erased::Redacted;

use crate::batch::{Hash, Header};
use crate::{Row, sanitise};

const ROW_TAG: &[u8] = b"audit-row-v1";
const SALT_TAG: &[u8] = b"audit-salt-v1";
const COMMITMENT_TAG: &[u8] = b"audit-commitment-v1";
const HEADER_TAG: &[u8] = b"audit-header-v1";
const SIGNATURE_TAG: &[u8] = b"audit-header-signature-v1";
const TREE_TAG: &[u8] = b"audit-tree-v1";

/// Domain separation of RFC 6962, section 2.1.
const LEAF_PREFIX: [u8; 1] = [0x00];

/// Makes commitments unguessable.
pub(crate) type Salt = [u8; 16];

/// The leaf of a row whose values are all there.
///
/// `metadata` holds the key and the RFC 8785 text of each value, in the order of RFC 8785.
pub(crate) fn leaf(row: &Row, salt: &Salt, metadata: &[(String, String)]) -> Hash {
    let commit = |field: &str, value: &str| commitment(field, &field_salt(salt, field), value);
    let mut digest = Sha256::new_with_prefix(LEAF_PREFIX);
    encode_row(&mut digest, row, metadata, |field, value| value.map(|value| commit(field, value)));
    digest.finalize().into()
}

/// The leaf of a row as the log holds it; nothing where that says too little or too much: neither a salt nor what stands for
/// erased values, or both, or a value that was erased.
#[must_use]
pub fn row_leaf(row: &Row) -> Option<Hash> {
    let metadata = sanitise::canonical_pairs(row.metadata.as_map());
    match (&row.salt, &row.redacted) {
        (Some(salt), None) => Some(leaf(row, salt, &metadata)),
        (None, Some(redacted)) => erased::leaf(row, &Redacted::parse(redacted)?, metadata),
        _ => None,
    }
}

/// The hash by which a header is known to its successor.
#[must_use]
pub fn header_hash(header: &Header) -> Hash {
    let mut digest = Sha256::new();
    digest.field(HEADER_TAG);
    digest.field(header.stream_id.as_bytes());
    digest.field(&header.batch_no.to_be_bytes());
    digest.field(header.kind.as_str().as_bytes());
    digest.field(&header.first_seq.to_be_bytes());
    digest.field(&header.n.to_be_bytes());
    digest.time(header.first_created);
    digest.time(header.last_created);
    digest.field(&header.rows_root);
    digest.field(&header.prev_hash);
    digest.time(header.writer_time);
    digest.text(header.key_id.as_deref());
    digest.finalize().into()
}

/// What a writer signs of a batch: its header's hash, which covers the rows, the batches before, and the id of the key.
#[must_use]
pub fn signed_message(header_hash: &Hash) -> Vec<u8> {
    let mut message = Vec::with_capacity(SIGNATURE_TAG.len() + header_hash.len() + 8);
    message.field(SIGNATURE_TAG);
    message.field(header_hash);
    message
}

/// The leaf of a header in the tree of the whole log, which covers the signature, too, and when the database took the batch.
#[must_use]
pub fn tree_leaf(header: &Header, db_time: DateTime<Utc>) -> Hash {
    let mut digest = Sha256::new_with_prefix(LEAF_PREFIX);
    digest.field(TREE_TAG);
    digest.field(&header_hash(header));
    digest.optional(header.sig.as_deref());
    digest.time(db_time);
    digest.finalize().into()
}

/// `commit` gives what stands for a personal field; it is asked for each once.
fn encode_row(
    out: &mut impl Fields,
    row: &Row,
    metadata: &[(String, String)],
    mut commit: impl FnMut(&str, Option<&str>) -> Option<Hash>,
) {
    let mut personal = |out: &mut _, field: &str, value: Option<&str>| {
        Fields::optional(out, commit(field, value).as_ref().map(Hash::as_slice));
    };
    out.field(ROW_TAG);
    out.field(row.stream_id.as_bytes());
    out.field(&row.seq.to_be_bytes());
    out.field(row.id.as_bytes());
    out.time(row.created_at);
    out.field(row.actor_type.as_str().as_bytes());
    personal(out, "actor_id", row.actor_id.as_deref());
    out.field(row.action.as_bytes());
    out.field(row.target_type.as_bytes());
    personal(out, "target_id", row.target_id.as_deref());
    out.field(row.outcome.as_str().as_bytes());
    personal(out, "error", row.error.as_deref());
    out.optional(row.duration_us.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    out.optional(row.attempt_id.as_ref().map(|id: &Uuid| id.as_bytes().as_slice()));
    out.text(row.request_id.as_deref());
    out.text(row.trace_id.as_deref());
    out.text(row.span_id.as_deref());
    out.text(row.tenant_id.as_deref());
    personal(out, "on_behalf_of", row.on_behalf_of.as_deref());
    personal(out, "ip_address", row.ip_address.map(|address| address.to_string()).as_deref());
    personal(out, "user_agent", row.user_agent.as_deref());
    out.text(row.origin.as_deref());
    out.field(&length(metadata.len()).to_be_bytes());
    for (key, value) in metadata {
        out.field(key.as_bytes());
        personal(out, &format!("metadata.{key}"), Some(value));
    }
}

/// What stands for a personal value.
pub(crate) fn commitment(field: &str, field_salt: &Salt, value: &str) -> Hash {
    let mut digest = Sha256::new();
    digest.field(COMMITMENT_TAG);
    digest.field(field.as_bytes());
    digest.field(field_salt);
    digest.field(value.as_bytes());
    digest.finalize().into()
}

/// Makes the commitment of one field unguessable.
pub(crate) fn field_salt(row_salt: &Salt, field: &str) -> Salt {
    let mut digest = Sha256::new();
    digest.field(SALT_TAG);
    digest.field(row_salt);
    digest.field(field.as_bytes());
    let mut salt = [0; 16];
    salt.copy_from_slice(&digest.finalize()[..16]);
    salt
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Takes length-prefixed fields.
trait Fields {
    fn bytes(&mut self, bytes: &[u8]);

    fn field(&mut self, value: &[u8]) {
        self.bytes(&length(value.len()).to_be_bytes());
        self.bytes(value);
    }

    fn optional(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.field(value),
            None => self.bytes(&u32::MAX.to_be_bytes()),
        }
    }

    fn text(&mut self, value: Option<&str>) {
        self.optional(value.map(str::as_bytes));
    }

    fn time(&mut self, value: DateTime<Utc>) {
        self.field(&value.timestamp_micros().to_be_bytes());
    }
}

impl Fields for Sha256 {
    fn bytes(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

impl Fields for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("sanitising bounds every field far below 4 GiB")
}
