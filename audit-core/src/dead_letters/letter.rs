//! One refused row.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::DeadLetterId;

/// A row that the log's table refused.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Where it is.
    pub id: DeadLetterId,
    /// When it was refused, by the database's clock.
    pub refused_at: DateTime<Utc>,
    /// The row's columns by name, as `audit_dead_letters` keeps them; empty where that cannot be read.
    pub row: Map<String, Value>,
}

impl DeadLetter {
    pub(super) fn new(id: DeadLetterId, refused_at: DateTime<Utc>, encoded: &[u8]) -> Self {
        let mut row: Map<String, Value> = serde_json::from_slice(encoded).unwrap_or_default();
        // It says the same as `metadata`, byte by byte; and whoever has the salt can guess what was erased.
        row.remove("metadata_text");
        row.remove("salt");
        Self { id, refused_at, row }
    }

    /// A column of the row that holds text, if it does.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&str> {
        self.row.get(column)?.as_str()
    }

    /// The id of the entry.
    #[must_use]
    pub fn entry_id(&self) -> Option<Uuid> {
        self.text("id")?.parse().ok()
    }
}
