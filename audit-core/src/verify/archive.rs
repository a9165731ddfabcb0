//! A file of rows that were pruned, with what proves them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use chrono::{DateTime, Utc};
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::header_record::HeaderRecord;
use super::{hexadecimal, signatures};
use crate::batch::Hash;
use crate::merkle::{self, Frontier};
use crate::seal::Checkpoint;
use crate::signing::{Note, TrustedKeys};
use crate::{Row, encoding};

/// Of this form of the file.
pub(super) const VERSION: u32 = 1;
/// Longest line that is read: a file may hold more than memory.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// One line of the file, which is JSON, one value a line, compressed by gzip.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// The first.
    Archive(Head),
    /// Leaves of the tree, one behind the other, whose batches have no row here.
    Leaves(#[serde(with = "hexadecimal::path")] Vec<Hash>),
    /// The batch that is the next leaf. Its rows follow.
    Batch(BatchRecord),
    /// The next row of the batch.
    Row(Box<RowRecord>),
    /// The last.
    End(End),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) version: u32,
    /// Rows created then or later.
    pub(super) since: DateTime<Utc>,
    /// Rows created before then.
    pub(super) until: DateTime<Utc>,
    /// How many leaves of the tree come before those of this file.
    pub(super) before: u64,
    /// The complete subtrees of these, the largest first.
    #[serde(with = "hexadecimal::path")]
    pub(super) subtrees: Vec<Hash>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BatchRecord {
    pub(super) header: HeaderRecord,
    /// Leaves of rows that are not here, and their places.
    pub(super) elsewhere: Vec<Elsewhere>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Elsewhere {
    pub(super) idx: u64,
    #[serde(with = "hexadecimal::one")]
    pub(super) leaf: Hash,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RowRecord {
    #[serde(flatten)]
    pub(super) row: Row,
    #[serde(with = "hexadecimal::optional")]
    pub(super) salt: Option<Vec<u8>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) rows: u64,
    /// A signed note: the tree of all leaves up to here.
    pub(super) checkpoint: String,
}

/// What an archive proves: that these rows were in the log when the checkpoint was signed, and are unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Archive {
    /// Rows created then or later.
    pub since: DateTime<Utc>,
    /// Rows created before then.
    pub until: DateTime<Utc>,
    /// How many rows.
    pub rows: u64,
    /// How many batches have rows here.
    pub batches: u64,
    /// The log that the checkpoint names.
    pub origin: String,
    /// How many batches the checkpoint covers.
    pub covered_batches: u64,
    /// The trusted key of the log that signed the checkpoint; nothing where no key is trusted.
    pub signed_by: Option<String>,
}

/// Why an archive proves nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The file cannot be opened.
    #[error("the archive cannot be opened")]
    Io(#[from] io::Error),
    /// A line is not what has to stand there.
    #[error("line {line} of the archive cannot be read: {what}")]
    Unreadable {
        /// Counts from 1.
        line: u64,
        /// What about it.
        what: String,
    },
    /// A row contradicts its batch, or the time that the archive is of.
    #[error("the entry in line {line} of the archive does not belong there")]
    OtherBatch {
        /// Counts from 1.
        line: u64,
    },
    /// The leaves do not lead to the root that was signed.
    #[error("the archive is not what its checkpoint covers: a row, a header or a leaf was changed, added or removed")]
    OtherRoot,
    /// No trusted key signed the checkpoint.
    #[error("no trusted key signed the archive's checkpoint of {origin}, of {size} batches")]
    Untrusted {
        /// The log that it names.
        origin: String,
        /// How large it says that the tree was.
        size: u64,
    },
    /// A batch should be signed by a writer, and is not.
    #[error("no trusted writer signed the batch in line {line} of the archive")]
    Unsigned {
        /// Counts from 1.
        line: u64,
    },
}

/// Checks a file that `audit retention apply --archive` wrote: every row, batch root and header hash, and the tree against the
/// checkpoint. No database is needed. Once keys of the log are trusted, one of them has to have signed the checkpoint; once keys of
/// writers are, one has to have signed each batch. Memory holds one batch.
///
/// # Errors
///
/// When it proves nothing.
pub fn check_archive(path: impl AsRef<Path>, keys: &TrustedKeys) -> Result<Archive, ArchiveError> {
    let file = BufReader::new(File::open(path)?);
    Lines { file: BufReader::new(MultiGzDecoder::new(file)), at: 0 }.check(keys)
}

struct Lines<R> {
    file: R,
    /// The number of the line that was read last.
    at: u64,
}

impl<R: BufRead> Lines<R> {
    fn check(mut self, keys: &TrustedKeys) -> Result<Archive, ArchiveError> {
        let Line::Archive(head) = self.next()? else { return Err(self.unreadable("it is no head of an archive")) };
        if head.version != VERSION {
            return Err(self.unreadable("the archive is of another version"));
        }
        let mut tree = Frontier::from_bytes(head.before, &head.subtrees.concat())
            .ok_or_else(|| self.unreadable("its subtrees do not fit its number of leaves"))?;
        let (mut rows, mut batches) = (0, 0);
        let end = loop {
            match self.next()? {
                Line::Leaves(leaves) => leaves.into_iter().for_each(|leaf| tree.push(leaf)),
                Line::Batch(batch) => {
                    batches += 1;
                    tree.push(self.batch(&batch, &head, keys, &mut rows)?);
                }
                Line::End(end) => break end,
                Line::Archive(_) | Line::Row(_) => return Err(self.unreadable("nothing of the kind belongs there")),
            }
        };
        let checkpoint = end.checkpoint.parse::<Note>().ok();
        let checkpoint = checkpoint.and_then(|note| Some((note.text().parse::<Checkpoint>().ok()?, note)));
        let (checkpoint, note) = checkpoint.ok_or_else(|| self.unreadable("its checkpoint is no signed one"))?;
        if self.read()?.is_some() || end.rows != rows {
            return Err(self.unreadable("it is not the last, or counts other rows"));
        }
        if (checkpoint.size, checkpoint.root) != (tree.size(), tree.root()) {
            return Err(ArchiveError::OtherRoot);
        }
        let mut trusted = keys.log().iter().filter(|key| key.name() == checkpoint.origin && note.is_signed_by(key));
        let signed_by = trusted.next().map(crate::signing::VerifyingKey::id);
        if signed_by.is_none() && !keys.log().is_empty() {
            return Err(ArchiveError::Untrusted { origin: checkpoint.origin, size: checkpoint.size });
        }
        let Head { since, until, .. } = head;
        let (origin, covered_batches) = (checkpoint.origin, checkpoint.size);
        Ok(Archive { since, until, rows, batches, origin, covered_batches, signed_by })
    }

    /// The leaf of a batch, whose rows come next.
    fn batch(
        &mut self,
        BatchRecord { header, elsewhere }: &BatchRecord,
        head: &Head,
        keys: &TrustedKeys,
        rows: &mut u64,
    ) -> Result<Hash, ArchiveError> {
        let first = self.at;
        let mut leaves: Vec<(u64, Hash)> = elsewhere.iter().map(|other| (other.idx, other.leaf)).collect();
        let size = u64::try_from(header.n).ok().filter(|size| leaves.len() as u64 <= *size);
        let size = size.ok_or_else(|| self.unreadable("it counts fewer rows than there are"))?;
        while (leaves.len() as u64) < size {
            let Line::Row(record) = self.next()? else { return Err(self.unreadable("a row of the batch is missing")) };
            let (place, leaf) = self.row(*record, header, head)?;
            leaves.push((place, leaf));
            *rows += 1;
        }
        leaves.sort_unstable();
        if (0..).zip(&leaves).any(|(at, (place, _))| at != *place) {
            return Err(ArchiveError::OtherBatch { line: first });
        }
        let root = merkle::root(leaves.into_iter().map(|(_, leaf)| leaf));
        let whole = header.header(root).ok_or_else(|| self.unreadable("a header is of no known kind"))?;
        if keys.demand_signature(header.db_time) && signatures::signed_by(&whole, header.db_time, keys).is_none() {
            return Err(ArchiveError::Unsigned { line: first });
        }
        Ok(encoding::tree_leaf(&whole, header.db_time))
    }

    /// A row's place and leaf.
    fn row(&self, record: RowRecord, header: &HeaderRecord, head: &Head) -> Result<(u64, Hash), ArchiveError> {
        let RowRecord { mut row, salt } = record;
        row.salt = match salt {
            Some(salt) => Some(salt.try_into().map_err(|_| self.unreadable("its salt has not 16 bytes"))?),
            None => None,
        };
        let place = row.seq.checked_sub(header.first_seq).and_then(|place| u64::try_from(place).ok());
        let belongs = row.stream_id == header.stream_id
            && row.recorded_at == Some(header.db_time)
            && head.since <= row.created_at
            && row.created_at < head.until;
        let place = place.filter(|_| belongs).ok_or(ArchiveError::OtherBatch { line: self.at })?;
        let leaf = encoding::row_leaf(&row).ok_or_else(|| self.unreadable("the leaf of its row cannot be computed"))?;
        Ok((place, leaf))
    }

    fn next(&mut self) -> Result<Line, ArchiveError> {
        self.read()?.ok_or_else(|| self.unreadable("the archive ends before its last line"))
    }

    fn read(&mut self) -> Result<Option<Line>, ArchiveError> {
        self.at += 1;
        let mut line = String::new();
        let read = (&mut self.file).take(MAX_LINE_BYTES).read_line(&mut line);
        read.map_err(|error| self.unreadable(&format!("the file is damaged, or none of gzip: {error}")))?;
        if line.is_empty() {
            return Ok(None);
        }
        if !line.ends_with('\n') {
            return Err(self.unreadable("it is cut off, or too long"));
        }
        serde_json::from_str(&line).map(Some).map_err(|error| self.unreadable(&of_json(&error)))
    }

    fn unreadable(&self, what: &str) -> ArchiveError {
        ArchiveError::Unreadable { line: self.at, what: what.to_owned() }
    }
}

/// Without the words of the parser, which may repeat values of a row.
fn of_json(error: &serde_json::Error) -> String {
    format!("it is not what an archive holds, at its byte {}", error.column())
}
