//! Writes rows that are to be pruned into a file, with what proves them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::vec;

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::archive::{
    Archive, ArchiveError, BatchRecord, Elsewhere, End, Head, Line, RowRecord, VERSION, check_archive,
};
use super::header_record::HeaderRecord;
use super::source::{self, Scope, Source, StoredHeader, StoredLeaf};
use crate::batch::Hash;
use crate::merkle::Frontier;
use crate::signing::TrustedKeys;
use crate::store::{ErrorClass, Schema, StoreError};

/// Lines that wait to be written.
const QUEUED: usize = 256;
/// Most leaves in one line.
const LEAVES: usize = 1_000;

/// Why rows were not archived.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiverError {
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No checkpoint covers the batches of the rows.
    #[error("no checkpoint covers all of the rows yet: `audit seal --once` with the key of the log makes one")]
    NotCovered,
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Under which name.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file does not prove its rows: something in the log is not as it was frozen.
    #[error("{} was written, and does not prove its rows: `audit verify` tells more", path.display())]
    Unproved {
        /// The file, which stays.
        path: PathBuf,
        /// Why.
        source: ArchiveError,
    },
}

/// A file of rows, checked.
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    pub(crate) archive: Archive,
    digest: Hash,
}

impl Written {
    /// Whether the file still is what was checked.
    pub(crate) async fn is_unchanged(&self) -> bool {
        let path = self.path.clone();
        let digest = spawn_blocking(move || digest(&path)).await;
        digest.is_ok_and(|digest| digest.is_ok_and(|digest| digest == self.digest))
    }
}

/// Writes the rows created from `since` on and before `until` into a file of its own in a directory, under another name first, reads
/// it back and checks it. Gives back where it is. Nothing where there is no row.
pub(crate) async fn archive(
    url: &str,
    schema: &Schema,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    directory: &Path,
) -> Result<Option<Written>, ArchiverError> {
    let mut source = source::open(url, schema, &Scope::default()).await?;
    let mut sealed = Sealed { since, until, after: -1, page: Vec::new().into_iter() };
    let Some(first) = sealed.next(&mut *source).await? else {
        source.close().await;
        return Ok(None);
    };
    let stamp = |time: DateTime<Utc>| time.format("%Y%m%dT%H%M%SZ");
    let name = format!("audit-{}-{}", stamp(since), stamp(until));
    let (scratch, path) = free(directory, &name);
    let write_failed = |source| ArchiverError::Write { path: scratch.clone(), source };

    let (lines, queue) = mpsc::channel(QUEUED);
    let file = scratch.clone();
    let writing = spawn_blocking(move || write(&file, queue));
    let collected = collect(&mut *source, &mut sealed, first, &lines).await;
    drop(lines);
    let written = writing.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    source.close().await;
    // What could not be written closed the queue, so it comes first.
    written.map_err(write_failed)?;
    if let Err(error) = collected {
        fs::remove_file(&scratch).map_err(write_failed)?;
        return Err(error);
    }

    let (from, to, directory) = (scratch.clone(), path.clone(), directory.to_owned());
    let checked = spawn_blocking(move || {
        let digest = digest(&from)?;
        let archive = check_archive(&from, &TrustedKeys::default())?;
        fs::rename(&from, &to)?;
        File::open(&directory)?.sync_all()?;
        Ok((archive, digest))
    });
    let checked = checked.await.unwrap_or_else(|panic| Err(ArchiveError::Io(io::Error::other(panic))));
    match checked {
        Ok((archive, digest)) => Ok(Some(Written { path, archive, digest })),
        Err(source) => Err(ArchiverError::Unproved { path: scratch, source }),
    }
}

/// A name that no file has, and one for the time until the file is whole.
fn free(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
    let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
    let mut names =
        std::iter::once(name.to_owned()).chain(numbered).map(|name| directory.join(format!("{name}.jsonl.gz")));
    let path = names.find(|path| !path.exists()).expect("there are more numbers than files");
    (path.with_added_extension("part"), path)
}

fn digest(path: &Path) -> io::Result<Hash> {
    let (mut file, mut digest) = (File::open(path)?, Sha256::new());
    let mut bytes = vec![0; 1 << 16];
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(digest.finalize().into()),
            length => digest.update(&bytes[..length]),
        }
    }
}

fn write(path: &Path, mut lines: mpsc::Receiver<Line>) -> io::Result<()> {
    let mut file = GzEncoder::new(BufWriter::new(File::create(path)?), Compression::default());
    while let Some(line) = lines.blocking_recv() {
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
    let file = file.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

async fn collect(
    source: &mut dyn Source,
    sealed: &mut Sealed,
    first: (u64, StoredHeader),
    lines: &mpsc::Sender<Line>,
) -> Result<(), ArchiverError> {
    let mut tree = Leaves { page: Vec::new().into_iter() };
    let mut before = Frontier::default();
    while before.size() < first.0 {
        before.push(tree.next(source).await?);
    }
    let (since, until) = (sealed.since, sealed.until);
    let head = Head { version: VERSION, since, until, before: before.size(), subtrees: before.subtrees().to_vec() };
    send(lines, Line::Archive(head)).await;

    let (mut place, mut rows, mut others) = (before.size(), 0, Vec::new());
    let mut next = Some(first);
    while let Some((leaf, stored)) = next {
        while place < leaf {
            pass(tree.next(source).await?, &mut others, lines).await;
            place += 1;
        }
        let hash = tree.next(source).await?;
        place += 1;
        let (batch, its_rows) = split(source, stored, sealed).await?;
        if its_rows.is_empty() {
            pass(hash, &mut others, lines).await;
        } else {
            flush(&mut others, lines).await;
            rows += its_rows.len() as u64;
            send(lines, Line::Batch(batch)).await;
            for row in its_rows {
                send(lines, Line::Row(Box::new(row))).await;
            }
        }
        next = sealed.next(source).await?;
    }

    let (size, checkpoint) = covering(source, place).await?.ok_or(ArchiverError::NotCovered)?;
    while place < size {
        pass(tree.next(source).await?, &mut others, lines).await;
        place += 1;
    }
    flush(&mut others, lines).await;
    send(lines, Line::End(End { rows, checkpoint })).await;
    Ok(())
}

/// That nobody takes the line is told by the one who should.
async fn send(lines: &mpsc::Sender<Line>, line: Line) {
    drop(lines.send(line).await);
}

async fn pass(leaf: Hash, others: &mut Vec<Hash>, lines: &mpsc::Sender<Line>) {
    others.push(leaf);
    if others.len() == LEAVES {
        flush(others, lines).await;
    }
}

async fn flush(others: &mut Vec<Hash>, lines: &mpsc::Sender<Line>) {
    if !others.is_empty() {
        send(lines, Line::Leaves(std::mem::take(others))).await;
    }
}

/// A batch's rows within the bounds, and what is needed of the others.
async fn split(
    source: &mut dyn Source,
    stored: StoredHeader,
    bounds: &Sealed,
) -> Result<(BatchRecord, Vec<RowRecord>), StoreError> {
    let header = &stored.header;
    let mut rows: Vec<_> = source.rows_of(header).await?;
    rows.retain(|row| bounds.since <= row.created_at && row.created_at < bounds.until);
    rows.sort_unstable_by_key(|row| row.seq);
    let mut elsewhere = BTreeMap::new();
    if rows.len() as u64 != u64::from(header.n.unsigned_abs()) {
        elsewhere.extend(source.leaves_of(header).await?);
        for row in &rows {
            elsewhere.remove(&u64::try_from(row.seq - header.first_seq).unwrap_or(u64::MAX));
        }
    }
    let elsewhere = elsewhere.into_iter().map(|(idx, leaf)| Elsewhere { idx, leaf }).collect();
    let rows = rows.into_iter().map(|row| RowRecord { salt: row.salt.map(|salt| salt.to_vec()), row }).collect();
    Ok((BatchRecord { header: HeaderRecord::new(stored.header, stored.db_time), elsewhere }, rows))
}

/// The smallest checkpoint that covers so many leaves.
async fn covering(source: &mut dyn Source, size: u64) -> Result<Option<(u64, String)>, StoreError> {
    loop {
        let page = source.checkpoints().await?;
        if page.is_empty() {
            return Ok(None);
        }
        if let Some(found) = page.into_iter().find(|stored| stored.size >= size) {
            return Ok(Some((found.size, found.note)));
        }
    }
}

/// Headers that can have rows within the bounds, by their place in the tree.
struct Sealed {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    after: i64,
    page: vec::IntoIter<(i64, StoredHeader)>,
}

impl Sealed {
    async fn next(&mut self, source: &mut dyn Source) -> Result<Option<(u64, StoredHeader)>, StoreError> {
        if self.page.as_slice().is_empty() {
            self.page = source.sealed_between(self.since, self.until, self.after).await?.into_iter();
        }
        let Some((leaf, stored)) = self.page.next() else { return Ok(None) };
        self.after = leaf;
        Ok(Some((u64::try_from(leaf).unwrap_or_default(), stored)))
    }
}

/// The leaves of the tree, one by one.
struct Leaves {
    page: vec::IntoIter<StoredLeaf>,
}

impl Leaves {
    async fn next(&mut self, source: &mut dyn Source) -> Result<Hash, StoreError> {
        if self.page.as_slice().is_empty() {
            self.page = source.leaves_in_order().await?.into_iter();
        }
        let leaf = self.page.next().map(|leaf| leaf.hash);
        let reason = "the tree lacks a leaf: run `audit verify`";
        leaf.ok_or_else(|| StoreError::new(ErrorClass::Operator, "cannot archive rows", reason))
    }
}
