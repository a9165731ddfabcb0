//! What can be erased.

use std::fmt;
use std::str::FromStr;

use crate::Row;

/// The columns that hold something personal, metadata aside.
const COLUMNS: [&str; 6] = ["actor_id", "target_id", "on_behalf_of", "ip_address", "user_agent", "error"];
const METADATA: &str = "metadata.";

/// A personal field of a row: a column, or a top-level key of the metadata, `metadata.KEY`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(String);

/// A text that names nothing that can be erased.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be erased: write actor_id, target_id, on_behalf_of, ip_address, user_agent, error, or metadata.KEY with a \
     top-level key"
)]
pub struct FieldError(String);

impl Field {
    /// The name, as the column `redacted` has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of_metadata(key: &str) -> Self {
        Self(format!("{METADATA}{key}"))
    }

    /// Every personal field that has a value.
    pub(super) fn all_of(row: &Row) -> Vec<Self> {
        let columns = COLUMNS.into_iter().map(|column| Self(column.to_owned()));
        let keys = row.metadata.as_map().keys().map(|key| Self::of_metadata(key));
        columns.chain(keys).filter(|field| field.value(row).is_some()).collect()
    }

    /// The value as it is hashed.
    pub(super) fn value(&self, row: &Row) -> Option<String> {
        if let Some(key) = self.0.strip_prefix(METADATA) {
            return row.metadata.get(key).map(crate::canonical::text);
        }
        match self.0.as_str() {
            "actor_id" => row.actor_id.clone(),
            "target_id" => row.target_id.clone(),
            "on_behalf_of" => row.on_behalf_of.clone(),
            "ip_address" => row.ip_address.map(|address| address.to_string()),
            "user_agent" => row.user_agent.clone(),
            _ => row.error.clone(),
        }
    }
}

impl FromStr for Field {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let is_key = text.strip_prefix(METADATA).is_some_and(|key| !key.is_empty());
        if is_key || COLUMNS.contains(&text) { Ok(Self(text.to_owned())) } else { Err(FieldError(text.to_owned())) }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
