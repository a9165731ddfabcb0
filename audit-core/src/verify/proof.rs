//! That one entry is in the log, for somebody who cannot look.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::header_record::HeaderRecord;
use super::{hexadecimal, signatures};
use crate::batch::{Hash, Header};
use crate::merkle::root_of_path;
use crate::seal::Checkpoint;
use crate::signing::{Note, TrustedKeys};
use crate::{Row, encoding};

/// All that is needed to see that an entry was in a log when a checkpoint was signed, and has not been changed since:
/// the row, its path to the root of its batch, the header, its path to the root of the tree, and the signed checkpoint.
///
/// As JSON it is a file that `audit verify --proof` checks without a database. Hashes are hexadecimal, times RFC 3339.
/// It holds the row's values and its salt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Of this form: 1.
    version: u32,
    row: Row,
    #[serde(with = "hexadecimal::optional")]
    salt: Option<Vec<u8>>,
    header: HeaderRecord,
    /// From the row's leaf to the root of its batch.
    #[serde(with = "hexadecimal::path")]
    batch_path: Vec<Hash>,
    /// The header's place in the tree.
    leaf: u64,
    /// From the header's leaf to the root of the tree.
    #[serde(with = "hexadecimal::path")]
    tree_path: Vec<Hash>,
    /// A signed note.
    checkpoint: String,
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proved {
    /// The entry.
    pub id: Uuid,
    /// When the database took it, by the database's clock.
    pub recorded_at: DateTime<Utc>,
    /// What states that it was in the log.
    pub checkpoint: Checkpoint,
    /// The key that signed the batch, if it is trusted and did.
    pub writer: Option<String>,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// It is of another version, or a part of it cannot be read.
    #[error("the proof cannot be read: {what}")]
    Unreadable {
        /// Which part.
        what: &'static str,
    },
    /// What the row says of its place or time contradicts the header.
    #[error("the entry does not belong to the batch that the proof shows")]
    OtherBatch,
    /// The paths do not lead to the root that was signed.
    #[error("the entry is not the one that the checkpoint covers: it was changed, or the proof was")]
    OtherRoot,
    /// No trusted key signed the checkpoint.
    #[error("no trusted key signed the checkpoint of {origin}, of {size} batches")]
    Untrusted {
        /// The log that it names.
        origin: String,
        /// How large it says that the tree was.
        size: u64,
    },
    /// The batch should be signed by a writer, and is not.
    #[error("no trusted writer signed the batch of the entry")]
    Unsigned,
}

impl Proof {
    pub(super) fn new(
        row: Row,
        (header, db_time): (Header, DateTime<Utc>),
        batch_path: Vec<Hash>,
        (leaf, tree_path): (u64, Vec<Hash>),
        checkpoint: String,
    ) -> Self {
        let header = HeaderRecord::new(header, db_time);
        let salt = row.salt.map(|salt| salt.to_vec());
        Self { version: 1, row, salt, header, batch_path, leaf, tree_path, checkpoint }
    }

    /// The entry that it is about.
    #[must_use]
    pub const fn row(&self) -> &Row {
        &self.row
    }

    /// The place of the entry's batch in the tree.
    #[must_use]
    pub const fn leaf(&self) -> u64 {
        self.leaf
    }

    /// What states that the entry was in the log; `None` where it cannot be read. [`Proof::check`] says who signed it.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let note: Note = self.checkpoint.parse().ok()?;
        note.text().parse().ok()
    }

    /// Computes everything again. The checkpoint has to be signed by a key of the log that is trusted; once keys of writers are
    /// trusted, so has the batch.
    ///
    /// # Errors
    ///
    /// When it proves nothing.
    pub fn check(&self, keys: &TrustedKeys) -> Result<Proved, ProofError> {
        let unreadable = |what| ProofError::Unreadable { what };
        if self.version != 1 {
            return Err(unreadable("it is of another version"));
        }
        let note: Note = self.checkpoint.parse().map_err(|_| unreadable("its checkpoint is no signed note"))?;
        let checkpoint: Checkpoint = note.text().parse().map_err(|_| unreadable("its checkpoint is none"))?;
        let is_trusted = |key: &crate::signing::VerifyingKey| key.name() == checkpoint.origin && note.is_signed_by(key);
        if !keys.log().iter().any(is_trusted) {
            return Err(ProofError::Untrusted { origin: checkpoint.origin, size: checkpoint.size });
        }

        let record = &self.header;
        let mut row = self.row.clone();
        row.salt = match &self.salt {
            Some(salt) => Some(salt.as_slice().try_into().map_err(|_| unreadable("its salt has not 16 bytes"))?),
            None => None,
        };
        let place = row.seq.checked_sub(record.first_seq).and_then(|place| u64::try_from(place).ok());
        let size = u64::try_from(record.n).map_err(|_| unreadable("its header has no number of rows"))?;
        let place = place.filter(|place| *place < size && row.stream_id == record.stream_id);
        let (Some(place), true) = (place, row.recorded_at == Some(record.db_time)) else {
            return Err(ProofError::OtherBatch);
        };
        let leaf = encoding::row_leaf(&row).ok_or(unreadable("the leaf of its row cannot be computed"))?;
        let rows_root = root_of_path(leaf, place, size, &self.batch_path).ok_or(ProofError::OtherRoot)?;
        let header = record.header(rows_root).ok_or(unreadable("its header is of no known kind"))?;
        let leaf = encoding::tree_leaf(&header, record.db_time);
        let root = root_of_path(leaf, self.leaf, checkpoint.size, &self.tree_path);
        if root != Some(checkpoint.root) {
            return Err(ProofError::OtherRoot);
        }
        let writer = signatures::signed_by(&header, record.db_time, keys);
        if writer.is_none() && keys.demand_signature(record.db_time) {
            return Err(ProofError::Unsigned);
        }
        Ok(Proved { id: row.id, recorded_at: record.db_time, checkpoint, writer })
    }
}
