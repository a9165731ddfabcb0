//! Checkpoints outside of the database: a directory, on another machine if possible, where files can be added and not
//! changed.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::place::{Leaf, Stored};
use super::{Checkpoint, SealerError};
use crate::encoding::hex;
use crate::signing::{Note, VerifyingKey};

/// A directory that checkpoints are put into, and never changed or removed: `SIZE.checkpoint` is the signed note, and
/// `SIZE.heads` the leaves since the checkpoint before, a line each: place, stream, number of the batch, hash.
#[derive(Debug, Clone)]
pub(super) struct Outside {
    directory: PathBuf,
}

impl Outside {
    pub(super) const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The largest checkpoint there, of those that a key signed.
    pub(super) async fn newest(&self, key: VerifyingKey) -> Result<Option<Checkpoint>, SealerError> {
        let directory = self.directory.clone();
        let place = directory.clone();
        let found = tokio::task::spawn_blocking(move || -> io::Result<_> {
            let mut names: Vec<_> =
                fs::read_dir(&directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
            names.retain(|path| path.extension().is_some_and(|kind| kind == "checkpoint"));
            // Names are numbers of equal length.
            names.sort_unstable();
            for path in names.iter().rev() {
                let note = fs::read_to_string(path)?.parse::<Note>().ok();
                let signed = note.filter(|note| note.is_signed_by(&key));
                if let Some(checkpoint) = signed.and_then(|note| note.text().parse().ok()) {
                    return Ok(Some(checkpoint));
                }
            }
            Ok(None)
        });
        let found = found.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        found.map_err(|source| SealerError::Directory { directory: place, source })
    }

    /// Puts a checkpoint there. One that is there already stays as it is.
    pub(super) async fn keep(&self, stored: Stored, before: u64, heads: Vec<Leaf>) -> Result<(), SealerError> {
        let directory = self.directory.clone();
        let place = directory.clone();
        let kept = tokio::task::spawn_blocking(move || {
            let name = |kind| directory.join(format!("{:020}.{kind}", stored.size));
            put(&name("heads"), &lines(before, &heads))?;
            put(&name("checkpoint"), &stored.note)?;
            File::open(&directory)?.sync_all()
        });
        let kept = kept.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        kept.map_err(|source| SealerError::Directory { directory: place, source })
    }
}

fn lines(first: u64, heads: &[Leaf]) -> String {
    let mut text = String::new();
    for (place, leaf) in (first..).zip(heads) {
        let _ = writeln!(text, "{place} {} {} {}", leaf.stream_id, leaf.batch_no, hex(&leaf.hash));
    }
    text
}

/// Under another name first, so that a file of this name is whole.
fn put(path: &Path, text: &str) -> io::Result<()> {
    if path.try_exists()? {
        let is_same = fs::read_to_string(path)? == text;
        let different = || io::Error::other(format!("{} is there already, and says something else", path.display()));
        return if is_same { Ok(()) } else { Err(different()) };
    }
    let scratch = path.with_added_extension("part");
    let mut file = File::create(&scratch)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(scratch, path)
}
