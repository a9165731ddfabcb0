//! What was pruned, and the statement that is signed of it.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::batch::{Hash, Header};
use crate::signing::Note;

/// Rows that were taken out of the log because they were old enough, and the record of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Pruning {
    /// Which, from 0.
    pub no: i64,
    /// Rows created then or later.
    pub lower_bound: DateTime<Utc>,
    /// Rows created before then.
    pub upper_bound: DateTime<Utc>,
    /// How many rows.
    pub rows: u64,
    /// How many of their leaves are kept, because their batches have rows elsewhere.
    pub kept_leaves: u64,
    /// The root over the leaves that are kept, by stream, batch and place.
    #[serde(skip)]
    pub(crate) leaves_root: Hash,
    /// How large the tree was. All batches of the rows were in it.
    pub tree_size: u64,
    /// The root of the tree.
    #[serde(skip)]
    pub(crate) root: Hash,
    /// When, by the database's clock.
    pub pruned_at: DateTime<Utc>,
    /// The database's user; of SQLite, which has none, that of the environment.
    pub pruned_by: String,
    /// Whose key signed it; in a [`Report`](crate::verify::Report) only one that is trusted.
    pub signed_by: Option<String>,
    /// Where its rows were put first. Only who pruned knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<PathBuf>,
}

/// The record as the log holds it.
#[derive(Debug, Clone)]
pub(crate) struct StoredPruning {
    pub(crate) pruning: Pruning,
    /// A signed note.
    pub(crate) statement: Option<String>,
}

impl Pruning {
    /// What is signed.
    pub(super) fn statement(&self, origin: &str) -> String {
        let exact = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
        format!(
            "{origin}\naudit pruning v1\nsince {}\nuntil {}\nrows {}\nleaves {} {}\ntree {} {}\nat {}\nby {}\n",
            exact(self.lower_bound),
            exact(self.upper_bound),
            self.rows,
            self.kept_leaves,
            STANDARD.encode(self.leaves_root),
            self.tree_size,
            STANDARD.encode(self.root),
            exact(self.pruned_at),
            self.pruned_by,
        )
    }

    /// Whether all rows of a batch went, if it had no others: it was in the log by then, and its time lies within.
    pub(crate) fn took(&self, header: &Header, db_time: DateTime<Utc>) -> bool {
        db_time <= self.pruned_at && self.lower_bound <= header.first_created && header.last_created < self.upper_bound
    }

    /// Whether rows of a batch can have gone.
    pub(crate) fn touched(&self, header: &Header, db_time: DateTime<Utc>) -> bool {
        db_time <= self.pruned_at && self.lower_bound <= header.last_created && header.first_created < self.upper_bound
    }
}

/// Whether a note says what the record says.
pub(crate) fn is_statement_of(note: &Note, pruning: &Pruning) -> bool {
    let origin = note.text().split('\n').next().unwrap_or_default();
    note.text() == pruning.statement(origin)
}
