//! What was signed of the tree, in the log and by the verifier's own account.

use std::iter::Peekable;
use std::vec;

use super::source::{Source, StoredCheckpoint};
use super::{Break, Report, SavedCheckpoint};
use crate::merkle::Frontier;
use crate::seal::Checkpoint;
use crate::signing::{Note, TrustedKeys};
use crate::store::StoreError;

/// The origin of a head that nobody has signed.
const UNSIGNED: &str = "unsigned";

/// Checkpoints that are still to be compared with the tree, by size.
pub(super) struct Checkpoints<'a> {
    keys: &'a TrustedKeys,
    /// Until the tree is as large as it says.
    saved: Option<&'a SavedCheckpoint>,
    /// The log that somebody said it is of.
    saved_origin: Option<&'a str>,
    page: Peekable<vec::IntoIter<StoredCheckpoint>>,
    /// The newest in the log that is what it should be.
    newest: Option<(Checkpoint, Note)>,
}

impl<'a> Checkpoints<'a> {
    pub(super) fn new(keys: &'a TrustedKeys, saved: Option<&'a SavedCheckpoint>) -> Self {
        let saved_origin = saved.filter(|saved| saved.note.is_some()).map(|saved| saved.checkpoint.origin.as_str());
        Self { keys, saved, saved_origin, page: Vec::new().into_iter().peekable(), newest: None }
    }

    /// Compares those of the tree's size.
    pub(super) async fn compare(
        &mut self,
        frontier: &Frontier,
        source: &mut dyn Source,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        if let Some(saved) = self.saved.take_if(|saved| saved.checkpoint.size <= frontier.size()) {
            self.compare_saved(saved, frontier, report);
        }
        while let Some(stored) = self.next_if(source, |stored| stored.size <= frontier.size()).await? {
            report.checkpoints += 1;
            let size = stored.size;
            match self.read(&stored) {
                Ok((checkpoint, _)) if checkpoint.root != frontier.root() => {
                    report.add(Break::OtherTree { size, is_saved: false });
                }
                Ok(newest) => {
                    if stored.frontier != frontier.to_bytes() {
                        report.add(Break::AlteredCheckpoint { size });
                    }
                    self.newest = Some(newest);
                }
                Err(found) => report.add(found),
            }
        }
        Ok(())
    }

    fn compare_saved(&self, saved: &SavedCheckpoint, frontier: &Frontier, report: &mut Report) {
        let SavedCheckpoint { checkpoint, note } = saved;
        if let Some(note) = note
            && let Err(found) = self.trusts(checkpoint, note)
        {
            return report.add(found);
        }
        if checkpoint.root != frontier.root() {
            report.add(Break::OtherTree { size: checkpoint.size, is_saved: true });
        }
    }

    /// The tree has ended.
    pub(super) async fn finish(
        &mut self,
        tree: &Frontier,
        source: &mut dyn Source,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        if let Some(saved) = self.saved {
            report.add(Break::Truncated { size: saved.checkpoint.size, leaves: tree.size() });
        }
        while let Some(stored) = self.next_if(source, |_| true).await? {
            report.checkpoints += 1;
            report.add(Break::Truncated { size: stored.size, leaves: tree.size() });
        }
        if !self.keys.log().is_empty() && report.batches > 0 && self.newest.is_none() {
            report.add(Break::NoCheckpoint { batches: report.batches });
        }
        report.covered_batches = self.newest.as_ref().map_or(0, |(checkpoint, _)| checkpoint.size);
        report.head = self.head(tree);
        Ok(())
    }

    /// What the verifier should keep: the whole tree, and who signed it, if anybody did.
    fn head(&self, tree: &Frontier) -> String {
        let origin = self.newest.as_ref().map_or(UNSIGNED, |(checkpoint, _)| &checkpoint.origin).to_owned();
        let head = Checkpoint { origin, size: tree.size(), root: tree.root() };
        match &self.newest {
            Some((checkpoint, note)) if *checkpoint == head => note.to_string(),
            _ => head.to_string(),
        }
    }

    fn read(&self, stored: &StoredCheckpoint) -> Result<(Checkpoint, Note), Break> {
        let forged = || Break::ForgedCheckpoint { size: stored.size };
        let note: Note = stored.note.parse().map_err(|_| forged())?;
        let checkpoint: Checkpoint = note.text().parse().map_err(|_| forged())?;
        if (checkpoint.size, checkpoint.root) != (stored.size, stored.root) {
            return Err(forged());
        }
        self.trusts(&checkpoint, &note)?;
        Ok((checkpoint, note))
    }

    /// Whether a trusted key signed it; where none is trusted, anybody may have.
    fn trusts(&self, checkpoint: &Checkpoint, note: &Note) -> Result<(), Break> {
        let Checkpoint { origin, size, .. } = checkpoint;
        let mut keys = self.keys.log().iter().filter(|key| key.name() == origin).peekable();
        if self.keys.log().is_empty() {
            let of_another = self.saved_origin.is_some_and(|saved| saved != origin);
            return if of_another {
                Err(Break::ForeignCheckpoint { size: *size, origin: origin.clone() })
            } else {
                Ok(())
            };
        }
        if keys.peek().is_none() {
            return Err(Break::ForeignCheckpoint { size: *size, origin: origin.clone() });
        }
        if keys.any(|key| note.is_signed_by(key)) { Ok(()) } else { Err(Break::ForgedCheckpoint { size: *size }) }
    }

    async fn next_if(
        &mut self,
        source: &mut dyn Source,
        is_wanted: impl FnOnce(&StoredCheckpoint) -> bool,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        if self.page.peek().is_none() {
            self.page = source.checkpoints().await?.into_iter().peekable();
        }
        Ok(self.page.next_if(is_wanted))
    }
}
