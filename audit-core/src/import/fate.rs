//! What becomes of a record.

use super::Field;

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It is in the log, as it was.
    Imported,
    /// It is in the log, and something of it was cut or replaced, as marks in its metadata say.
    ImportedChanged,
    /// An earlier run had imported it.
    Present,
    /// It is not in the log.
    Rejected(Rejection),
}

/// Why a record cannot be imported. Never repeats its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// It lacks what every entry has.
    #[error("{0} is missing")]
    Missing(Field),
    /// A text is not what its field holds.
    #[error("{field} is not {wanted}")]
    Unreadable {
        /// The field.
        field: Field,
        /// What it should hold.
        wanted: &'static str,
    },
    /// Older than any log, or a clock that was never set.
    #[error("created_at is before 1970")]
    TooOld,
    /// No partition is made for it.
    #[error("created_at is more than 13 days ahead")]
    TooNew,
    /// A record before it has the same id.
    #[error("a row before it has the same id")]
    Doubled,
    /// The log holds an entry of this id that was not imported from this source.
    #[error("the log holds an entry of this id from elsewhere")]
    Elsewhere,
}
