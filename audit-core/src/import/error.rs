//! Why an import stopped.

use super::Field;
use crate::store::StoreError;

/// Why an import stopped. What was imported until then stays; the next run goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The log or the source cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else imports the same source.
    #[error("another import of {origin} is at work: wait until it has ended")]
    AnotherImport {
        /// What the column `origin` of its rows says.
        origin: String,
    },
    /// The source has more rows than ids are remembered of.
    #[error("the source has more than {most} rows, and no index that keeps their ids apart")]
    TooManyIds {
        /// How many are remembered.
        most: usize,
    },
    /// There is no such table, or this user may not see it.
    #[error("there is no table {name} that this user may read")]
    NoTable {
        /// What was asked for.
        name: String,
    },
    /// The table has no such column.
    #[error("the table {table} has no column `{column}` to read {field} from")]
    NoColumn {
        /// The table.
        table: String,
        /// What was asked for.
        column: String,
        /// What it was wanted for.
        field: Field,
    },
}
