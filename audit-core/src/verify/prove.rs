//! Collects what proves that an entry is in the log.

use uuid::Uuid;

use super::proof::Proof;
use super::source::{self, Source};
use crate::encoding;
use crate::merkle::{InclusionPath, root_of_path};
use crate::seal::Checkpoint;
use crate::signing::Note;
use crate::store::{Schema, StoreError};

/// Why there is no proof of an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such entry.
    #[error("the log has no entry {id}")]
    NoEntry {
        /// The id that was asked for.
        id: Uuid,
    },
    /// No checkpoint covers the entry's batch yet.
    #[error("no checkpoint covers entry {id} yet: `audit seal --once` with the key of the log makes one")]
    NotCovered {
        /// The entry.
        id: Uuid,
        /// The place of its batch in the tree, if it is sealed.
        leaf: Option<u64>,
    },
    /// The log contradicts itself.
    #[error("entry {id} cannot be proved, because {what}: `audit verify` tells more")]
    Broken {
        /// The entry.
        id: Uuid,
        /// What is not as it was written.
        what: &'static str,
    },
}

/// The proof that an entry is in the log at a URL, by the newest checkpoint there. The reader's role suffices.
///
/// It reads the whole tree, 32 bytes a batch, and keeps none of it.
///
/// # Errors
///
/// When there is no such entry, it is not covered yet, or the log cannot be read.
///
/// # Cancellation
///
/// Dropping the future closes the connection, and nothing else happens.
pub async fn prove(url: &str, schema: &Schema, id: Uuid) -> Result<Proof, ProveError> {
    let mut source = source::open(url, schema, &source::Scope::default()).await?;
    let proof = collect(&mut *source, id).await;
    source.close().await;
    proof
}

async fn collect(source: &mut dyn Source, id: Uuid) -> Result<Proof, ProveError> {
    let row = source.row(id).await?.ok_or(ProveError::NoEntry { id })?;
    let broken = |what| ProveError::Broken { id, what };
    let no_batch = || broken("no batch has it");
    let stored = source.batch_of(row.stream_id, row.seq).await?.ok_or_else(no_batch)?;
    let size = u64::try_from(stored.header.n).map_err(|_| no_batch())?;
    let place = u64::try_from(row.seq.saturating_sub(stored.header.first_seq)).map_err(|_| no_batch())?;
    let own_leaf = encoding::row_leaf(&row).ok_or_else(|| broken("what was erased of it left no trace"))?;
    let mut path = InclusionPath::new(place, size).ok_or_else(no_batch)?;
    let mut leaves = source.leaves_of(&stored.header).await?;
    leaves.sort_unstable();
    let is_whole = leaves.len() as u64 == size && (0..).zip(&leaves).all(|(at, (place, _))| at == *place);
    if !is_whole {
        return Err(broken("rows of its batch are missing"));
    }
    for (_, leaf) in leaves {
        path.push(leaf);
    }
    let path = path.finish();
    if root_of_path(own_leaf, place, size, &path) != Some(stored.header.rows_root) {
        return Err(broken("rows of its batch were changed"));
    }

    let leaf = source.leaf_of(stored.header.stream_id, stored.header.batch_no).await?;
    let not_covered = || ProveError::NotCovered { id, leaf };
    let note = source.newest_checkpoint().await?.ok_or_else(not_covered)?.note;
    let checkpoint = note.parse::<Note>().ok().and_then(|note| note.text().parse::<Checkpoint>().ok());
    let checkpoint = checkpoint.ok_or_else(|| broken("the newest checkpoint cannot be read"))?;
    let leaf = leaf.ok_or_else(not_covered)?;
    let mut in_tree = InclusionPath::new(leaf, checkpoint.size).ok_or_else(not_covered)?;
    walk(source, &mut in_tree, checkpoint.size).await?;
    let in_tree = in_tree.finish();
    let root = root_of_path(encoding::tree_leaf(&stored.header, stored.db_time), leaf, checkpoint.size, &in_tree);
    if root != Some(checkpoint.root) {
        return Err(broken("the newest checkpoint is of another tree"));
    }
    Ok(Proof::new(row, (stored.header, stored.db_time), path, (leaf, in_tree), note))
}

async fn walk(source: &mut dyn Source, path: &mut InclusionPath, size: u64) -> Result<(), StoreError> {
    let mut left = size;
    while left > 0 {
        let page = source.leaves_in_order().await?;
        if page.is_empty() {
            return Ok(());
        }
        let hashes = page.into_iter().map(|leaf| leaf.hash);
        for hash in hashes.take(usize::try_from(left).unwrap_or(usize::MAX)) {
            path.push(hash);
            left -= 1;
        }
    }
    Ok(())
}
