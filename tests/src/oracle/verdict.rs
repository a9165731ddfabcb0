//! What the oracle says.

use std::fmt;

use audit_core::Stats;
use uuid::Uuid;

use super::judge;

/// What the oracle found. Its `Display` is for people; [`Verdict::is_good`] for tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Entries whose recording was acknowledged.
    pub acknowledged: u64,
    /// Those of them that are nowhere.
    pub missing: Vec<Uuid>,
    /// Those of them that are nowhere either, and may be: their records were damaged, and the log tells of it.
    pub damaged: Vec<Uuid>,
    /// Entries that were rolled back.
    pub withdrawn: u64,
    /// Calls of annotated functions that were promised something.
    pub calls: u64,
    /// Rows in the log, batches that count them, streams of batches.
    pub rows: u64,
    /// See `rows`.
    pub batches: u64,
    /// See `rows`.
    pub streams: u64,
    /// Rows that were refused and kept apart.
    pub dead_letters: u64,
    /// Entries that are there more than once.
    pub twice: Vec<Uuid>,
    /// Entries that `lost` headers count.
    pub lost: i64,
    /// Entries that `audit.gap` entries count.
    pub told: i64,
    /// What does not hold together, a sentence each.
    pub faults: Vec<String>,
}

impl Verdict {
    /// How many examples are shown.
    const EXAMPLES: usize = 5;

    /// Looks at the accounts, too, of every writer that ever wrote to the log, after its end.
    #[must_use]
    pub fn with_accounts(mut self, writers: &[Stats]) -> Self {
        judge::accounts(writers, &mut self);
        self
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.missing.is_empty() && self.twice.is_empty() && self.faults.is_empty()
    }

    /// Fails the test unless every promise was kept.
    #[track_caller]
    pub fn assert_good(&self) {
        assert!(self.is_good(), "\n{self}");
    }

    /// [`Self::assert_good`], where no row was there to be refused.
    #[track_caller]
    pub fn assert_good_and_none_refused(&self) {
        self.assert_good();
        assert_eq!(self.dead_letters, 0, "\n{self}");
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "oracle        {}",
            if self.is_good() { "every promise was kept" } else { "PROMISES WERE BROKEN" }
        )?;
        writeln!(f, "  acknowledged  {}, of which {} are nowhere", self.acknowledged, self.missing.len())?;
        let (rows, batches, streams) = (self.rows, self.batches, self.streams);
        writeln!(
            f,
            "  log           {rows} rows in {batches} batches of {streams} streams, {} twice",
            self.twice.len()
        )?;
        writeln!(f, "  rolled back   {}", self.withdrawn)?;
        writeln!(f, "  calls         {}", self.calls)?;
        writeln!(f, "  refused       {} dead letters", self.dead_letters)?;
        writeln!(f, "  damaged       {} acknowledged", self.damaged.len())?;
        writeln!(f, "  gaps          {} in lost batches, {} told by audit.gap", self.lost, self.told)?;
        for (what, ids) in [("nowhere", &self.missing), ("twice", &self.twice)] {
            for id in ids.iter().take(Self::EXAMPLES) {
                writeln!(f, "  {what}: {id}")?;
            }
        }
        for fault in self.faults.iter().take(Self::EXAMPLES) {
            writeln!(f, "  broken: {fault}")?;
        }
        Ok(())
    }
}
