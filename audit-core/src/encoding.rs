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
use sha2::block_api::compress256;
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

/// Of SHA-256: the bytes of a block, those of the length at the end of the last one, and what it begins with (FIPS 180-4,
/// section 5.3.3).
const BLOCK_BYTES: usize = 64;
const LENGTH_BYTES: usize = 8;
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Makes commitments unguessable.
pub(crate) type Salt = [u8; 16];

/// Computes leaves, one after the other, in memory that is allocated once.
pub(crate) struct Leaves {
    row: Fields,
    personal: Fields,
    text: String,
}

impl Leaves {
    pub(crate) fn new() -> Self {
        Self { row: Fields::new(), personal: Fields::new(), text: String::new() }
    }

    /// The leaf of a row whose values are all there; `metadata` is the row's.
    pub(crate) fn leaf(&mut self, row: &Row, salt: &Salt, metadata: &canonical::Object) -> Hash {
        let Self { row: out, personal, text } = self;
        row_hash(out, text, row, metadata.members(), |field, value| {
            let value = value?;
            let salt = personal.field_salt(salt, field);
            Some(personal.commitment(field, &salt, value))
        })
    }
}

/// The leaf of a row as the log holds it; nothing where that says too little or too much: neither a salt nor what stands for
/// erased values, or both, or a value that was erased.
#[must_use]
pub fn row_leaf(row: &Row) -> Option<Hash> {
    let metadata = canonical::Object::of(row.metadata.as_map());
    match (&row.salt, &row.redacted) {
        (Some(salt), None) => Some(Leaves::new().leaf(row, salt, &metadata)),
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
    let mut leaf = Fields::new();
    leaf.begin_leaf();
    leaf.field(TREE_TAG);
    leaf.field(&header_hash(header));
    leaf.optional(header.sig.as_deref());
    leaf.time(db_time);
    leaf.hash()
}

/// `commit` gives what stands for a personal field, if anything does; it is asked for each once. What `out` and `text` hold
/// does not matter.
fn row_hash<'m>(
    out: &mut Fields,
    text: &mut String,
    row: &Row,
    metadata: impl ExactSizeIterator<Item = (Cow<'m, str>, &'m str)>,
    mut commit: impl FnMut(&str, Option<&str>) -> Option<Hash>,
) -> Hash {
    out.begin_leaf();
    let mut personal = |out: &mut Fields, field: &str, value: Option<&str>| {
        out.optional(commit(field, value).as_ref().map(Hash::as_slice));
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
    text.clear();
    if let Some(address) = row.ip_address {
        write!(text, "{address}").expect("a String takes every text");
    }
    personal(out, "ip_address", row.ip_address.map(|_| text.as_str()));
    personal(out, "user_agent", row.user_agent.as_deref());
    out.text(row.origin.as_deref());
    out.field(&length(metadata.len()).to_be_bytes());
    for (key, value) in metadata {
        out.field(key.as_bytes());
        text.clear();
        text.push_str(METADATA);
        text.push_str(&key);
        personal(out, text, Some(value));
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

    /// What becomes a leaf of a tree, in place of what stands here.
    fn begin_leaf(&mut self) {
        self.0.clear();
        self.0.extend_from_slice(&LEAF_PREFIX);
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

    /// SHA-256 of the fields. They are padded in place (FIPS 180-4, section 5.1.1), so that whole blocks go into the function
    /// that compresses them: most rows are a score of digests of a block or two, of which copying into a buffer, as
    /// [`Sha256::digest`](sha2::Digest::digest) does, takes a tenth.
    fn hash(&mut self) -> Hash {
        let bytes = self.0.len();
        self.0.push(0x80);
        self.0.resize((self.0.len() + LENGTH_BYTES).next_multiple_of(BLOCK_BYTES) - LENGTH_BYTES, 0);
        self.0.extend_from_slice(&(bytes as u64 * 8).to_be_bytes());
        let (blocks, _) = self.0.as_chunks::<BLOCK_BYTES>();
        let mut state = INITIAL;
        compress256(&mut state, blocks);
        self.0.truncate(bytes);
        let mut hash = [0; 32];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
            *bytes = word.to_be_bytes();
        }
        hash
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

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn fields_of_every_length_have_their_digest_and_stay() {
        let mut fields = Fields::new();
        for bytes in 0..=4 * BLOCK_BYTES {
            assert_eq!(fields.0.len(), bytes);
            assert_eq!(fields.hash(), Hash::from(Sha256::digest(&fields.0)), "{bytes} bytes");
            fields.0.push(0xa5);
        }
    }
}
