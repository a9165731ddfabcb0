//! What has happened to an entry when its function returns.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What has happened to an entry when its function returns, or when [`Auditor::record`](crate::Auditor::record) does.
///
/// Said by the attribute (`durability = "durable"`), by the catalog for all uses of an action
/// (`#[audit(action = "…", durability = "before")]`), or by the [`Recording`](crate::Recording); in this order the first
/// one counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The entry is in the queue. A process that is killed, or exits without
    /// [`WriterGuard::shutdown`](crate::WriterGuard::shutdown), loses what was neither stored nor in the journal.
    #[default]
    Queued,
    /// The entry is committed in the store, or synced to disk in the journal. Of what was acknowledged, nothing is lost.
    Durable,
    /// As `Durable`, and an entry with the outcome `attempted` was durable *before* the work began. If it cannot be
    /// made durable, the work does not begin.
    Before,
}

impl Durability {
    /// Each, the weakest first.
    pub const ALL: [Self; 3] = [Self::Queued, Self::Durable, Self::Before];

    /// As the attribute and the catalog write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Durable => "durable",
            Self::Before => "before",
        }
    }

    /// Whether anybody waits until the entry is kept.
    pub(crate) const fn waits(self) -> bool {
        !matches!(self, Self::Queued)
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no durability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a durability: write queued, durable or before")]
pub struct UnknownDurability(String);

impl FromStr for Durability {
    type Err = UnknownDurability;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|durability| durability.as_str() == text);
        named.ok_or_else(|| UnknownDurability(text.to_owned()))
    }
}
