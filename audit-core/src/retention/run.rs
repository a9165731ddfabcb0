//! Looking, and pruning.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use chrono::{SecondsFormat, TimeDelta};

use super::place::{self, Begun, Bounds, KeptLeaf, Place, Straddling};
use super::pruning::StoredPruning;
use super::{Partition, PartitionInterval, Pruning, RetentionError};
use crate::catalog::SystemAction;
use crate::merkle::{self, Frontier};
use crate::seal::Checkpoint;
use crate::signing::{Note, Signer};
use crate::store::{ErrorClass, Schema, StoreError};
use crate::{Auditor, Entry, Outcome, encoding, verify};

/// How often a partition is tried that others are reading or writing. A statement that waits for its lock holds them all up, so it
/// waits for 300 ms at most.
const TRIES: usize = 20;
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long the rows of a log are kept.
#[must_use = "it looks at nothing before `status` or `apply`"]
pub struct Retention<'a> {
    url: &'a str,
    schema: &'a Schema,
    keep: TimeDelta,
    signer: Option<Arc<dyn Signer>>,
    archive: Option<PathBuf>,
}

/// A partition's rows in a file, if there are any.
struct Archived {
    file: Option<verify::Written>,
    /// How much of them had been erased before.
    erased: i64,
}

impl Archived {
    fn rows(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.archive.rows)
    }
}

impl<'a> Retention<'a> {
    /// Rows of the log at a URL are kept for so long, at least. Nothing is opened yet. In PostgreSQL the user needs the role
    /// `audit_admin`, and to prune `audit_reader`, too; whatever user the auditor connects as needs `audit_writer`.
    pub fn new(url: &'a str, schema: &'a Schema, keep: TimeDelta) -> Self {
        Self { url, schema, keep, signer: None, archive: None }
    }

    /// Who signs prunings: the key of the log, which signs its checkpoints. Needed once the log has one.
    pub fn signer(mut self, signer: impl Signer) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Where the rows of each partition go before it is dropped: into a file of its own in this directory, which
    /// [`check_archive`](crate::verify::check_archive) checks. It is read back and checked first.
    pub fn archive(mut self, directory: impl Into<PathBuf>) -> Self {
        self.archive = Some(directory.into());
        self
    }

    /// The partitions, oldest first, and whether each would go.
    ///
    /// # Errors
    ///
    /// When the log cannot be read, or so much is kept that it would be more than sixty partitions.
    ///
    /// # Cancellation
    ///
    /// Nothing happens.
    pub async fn status(&self) -> Result<Vec<Partition>, RetentionError> {
        let mut place = place::connect(self.url, self.schema).await?;
        let partitions = place.partitions(self.keep).await?;
        place.close().await;
        Ok(partitions)
    }

    /// Sets how much time a partition to come holds; those that are there stay as they are.
    ///
    /// # Errors
    ///
    /// When that would mean more than sixty partitions within the time that is kept, this user may not, or the log is in
    /// SQLite, which has no partitions.
    ///
    /// # Cancellation
    ///
    /// It was set, or was not.
    pub async fn set_interval(&self, interval: PartitionInterval) -> Result<(), RetentionError> {
        let mut place = place::connect(self.url, self.schema).await?;
        place.set_interval(interval, self.keep).await?;
        place.close().await;
        Ok(())
    }

    /// Prunes every partition that may go, oldest first, each in a transaction of its own, and records an `audit.pruned` entry
    /// before and after each. `pruned` hears of each at once.
    ///
    /// # Errors
    ///
    /// When one could not be pruned or recorded: the partitions before it are gone, and recorded.
    ///
    /// # Cancellation
    ///
    /// The partition at hand is pruned and recorded, or is there; the entry that was to tell of its end says that it was
    /// cancelled.
    pub async fn apply(
        &self,
        auditor: &Auditor,
        mut pruned: impl FnMut(&Pruning),
    ) -> Result<Vec<Pruning>, RetentionError> {
        let partitions = self.status().await?;
        let mut prunings = Vec::new();
        for partition in partitions.iter().filter(|partition| partition.stays.is_none()) {
            let entry = Entry::builder(announced(partition)).build();
            let mut attempt = auditor.attempt(entry).await.map_err(RetentionError::Unrecorded)?;
            match self.prune((partition.lower_bound, partition.upper_bound)).await {
                Ok(pruning) => {
                    attempt.metadata("pruning", &pruning.no);
                    attempt.metadata("tree_size", &pruning.tree_size);
                    if let Some(name) = pruning.archive.as_deref().and_then(Path::file_name) {
                        attempt.metadata("archive", &name.to_string_lossy());
                    }
                    pruned(&pruning);
                    prunings.push(pruning);
                    attempt.end(Outcome::Success).await.map_err(RetentionError::Unrecorded)?;
                }
                Err(error) => {
                    // Why it failed matters more than that the entry did, too, perhaps.
                    drop(attempt.fail(error.to_string()).await);
                    return Err(error);
                }
            }
        }
        Ok(prunings)
    }

    async fn prune(&self, bounds: Bounds) -> Result<Pruning, RetentionError> {
        let archived = match &self.archive {
            Some(directory) => Some(self.put_aside(bounds, directory).await?),
            None => None,
        };
        let mut pauses =
            ExponentialBuilder::default().with_max_delay(LONGEST_PAUSE).with_jitter().with_max_times(TRIES).build();
        loop {
            let error = match self.try_prune(bounds, archived.as_ref()).await {
                Err(RetentionError::Store(error)) if error.class() == ErrorClass::Transient => error,
                ended => return ended,
            };
            let Some(pause) = pauses.next() else { return Err(error.into()) };
            tokio::time::sleep(pause).await;
        }
    }

    /// Over a connection of its own: one that failed is never used again.
    async fn try_prune(&self, bounds: Bounds, archived: Option<&Archived>) -> Result<Pruning, RetentionError> {
        let mut place = place::connect(self.url, self.schema).await?;
        self.check_key(&mut *place).await?;
        let begun = place.begin(bounds, self.keep).await?;
        if let Some(archived) = archived
            && (begun.rows, place.erased(bounds).await?) != (archived.rows(), archived.erased)
        {
            return Err(RetentionError::Changed);
        }
        let kept = keep(place.straddling(bounds).await?)?;
        let tree = self.tree(&mut *place, begun.tree_size).await?;
        let mut stored = self.sign(record(bounds, begun, &kept, &tree)).await?;
        // Last, because signing may take its time.
        if let Some(file) = archived.and_then(|archived| archived.file.as_ref())
            && !file.is_unchanged().await
        {
            return Err(RetentionError::ArchiveChanged { path: file.path.clone() });
        }
        stored.pruning.no = place.finish(&stored, &kept, self.keep).await?;
        place.close().await;
        stored.pruning.archive = archived.and_then(|archived| Some(archived.file.as_ref()?.path.clone()));
        Ok(stored.pruning)
    }

    async fn put_aside(&self, bounds: Bounds, directory: &Path) -> Result<Archived, RetentionError> {
        let mut place = place::connect(self.url, self.schema).await?;
        let erased = place.erased(bounds).await?;
        place.close().await;
        Ok(Archived { file: verify::archive(self.url, self.schema, bounds, directory).await?, erased })
    }

    /// Once a log is signed, its prunings have to be.
    async fn check_key(&self, place: &mut dyn Place) -> Result<(), RetentionError> {
        let Some(newest) = place.newest_checkpoint().await? else { return Ok(()) };
        let note = newest.note.parse::<Note>().ok().and_then(|note| note.text().parse::<Checkpoint>().ok());
        let origin = note.map_or_else(|| "of its newest checkpoint".to_owned(), |checkpoint| checkpoint.origin);
        match &self.signer {
            None => Err(RetentionError::KeyNeeded { origin }),
            Some(signer) if signer.verifying_key().name() != origin => {
                Err(RetentionError::OtherKey { name: signer.verifying_key().name().to_owned(), origin })
            }
            Some(_) => Ok(()),
        }
    }

    /// The tree of this size: from what stands beside the newest checkpoint, if this key signed that, else from its first leaf on.
    async fn tree(&self, place: &mut dyn Place, size: u64) -> Result<Frontier, StoreError> {
        let newest = place.newest_checkpoint().await?;
        let signed = newest.and_then(|newest| {
            let note: Note = newest.note.parse().ok()?;
            let is_ours = self.signer.as_ref().is_some_and(|signer| note.is_signed_by(signer.verifying_key()));
            let checkpoint: Checkpoint = note.text().parse().ok().filter(|_| is_ours)?;
            Frontier::from_bytes(checkpoint.size, &newest.frontier)
                .filter(|frontier| frontier.root() == checkpoint.root && frontier.size() <= size)
        });
        let mut tree = signed.unwrap_or_default();
        while tree.size() < size {
            let leaves = place.leaves(tree.size()).await?;
            if leaves.is_empty() {
                let reason = "the tree lacks a leaf: run `audit verify`";
                return Err(StoreError::new(ErrorClass::Operator, "cannot prune the log", reason));
            }
            for leaf in leaves {
                if tree.size() < size {
                    tree.push(leaf);
                }
            }
        }
        Ok(tree)
    }

    async fn sign(&self, mut pruning: Pruning) -> Result<StoredPruning, RetentionError> {
        let Some(signer) = self.signer.clone() else {
            return Ok(StoredPruning { pruning, statement: None });
        };
        let origin = signer.verifying_key().name().to_owned();
        let text = pruning.statement(&origin);
        // A signer may ask a service.
        let note = tokio::task::spawn_blocking(move || Note::sign(text, &*signer)).await;
        let note = note.map_err(|panic| RetentionError::SignerPanicked { source: panic })??.to_string();
        if note.parse::<Note>().is_err() {
            return Err(RetentionError::Unsignable);
        }
        pruning.signed_by = Some(origin);
        Ok(StoredPruning { pruning, statement: Some(note) })
    }
}

fn announced(partition: &Partition) -> SystemAction {
    let exact = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
    SystemAction::AuditPruned {
        since: exact(partition.lower_bound),
        until: exact(partition.upper_bound),
        rows: i64::try_from(partition.rows).unwrap_or(i64::MAX),
    }
}

fn keep(rows: Vec<Straddling>) -> Result<Vec<KeptLeaf>, RetentionError> {
    let kept = rows.into_iter().map(|Straddling { row, batch_no, idx }| {
        let hash = encoding::row_leaf(&row).ok_or(RetentionError::Unprovable { id: row.id })?;
        Ok(KeptLeaf { stream_id: row.stream_id, batch_no, idx, hash })
    });
    kept.collect()
}

fn record((lower_bound, upper_bound): Bounds, begun: Begun, kept: &[KeptLeaf], tree: &Frontier) -> Pruning {
    Pruning {
        no: 0,
        lower_bound,
        upper_bound,
        rows: begun.rows,
        kept_leaves: kept.len() as u64,
        leaves_root: merkle::root(kept.iter().map(|leaf| leaf.hash)),
        tree_size: tree.size(),
        root: tree.root(),
        pruned_at: begun.pruned_at,
        pruned_by: begun.pruned_by,
        signed_by: None,
        archive: None,
    }
}

/// Never the URL, which may hold a password.
impl fmt::Debug for Retention<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retention").field("keep", &self.keep).field("signer", &self.signer).finish_non_exhaustive()
    }
}
