//! A place between two rows of the log.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, Utc};
use uuid::Uuid;

use super::filter::Period;
use crate::Row;

/// A place in the log: that of a row, whether or not the row is there. As text it may stand in a URL or on a command line.
///
/// The text is hexadecimal: the version 1 as a byte, the row's `created_at` in µs since 1970 as 8 bytes, big-endian, and
/// the row's id. Only this type has to know.
///
/// # Examples
///
/// ```
/// use audit_core::query::Cursor;
///
/// let rubbish = "page 2".parse::<Cursor>().unwrap_err();
/// assert_eq!(rubbish.to_string(), "not a cursor: pass on the `next` of the page before, unchanged");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    pub(super) created_at: DateTime<Utc>,
    pub(super) id: Uuid,
}

/// Why a text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// No cursor ever looked like this.
    #[error("not a cursor: pass on the `next` of the page before, unchanged")]
    Malformed,
    /// It is a cursor, but of a format that this program does not know.
    #[error("the cursor is of version {0}, this program knows version 1: begin again at the first page")]
    Version(u8),
}

const VERSION: u8 = 1;
const BYTES: usize = 1 + 8 + 16;

impl Cursor {
    pub(super) const fn of(row: &Row) -> Self {
        Self { created_at: row.created_at, id: row.id }
    }

    /// The place of a row of this time, in µs since 1970.
    pub(super) fn at(micros: i64, id: Uuid) -> Self {
        let micros = micros.clamp(Period::FIRST, Period::LAST);
        Self { created_at: DateTime::from_timestamp_micros(micros).expect("the years 1 to 9999 are times"), id }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION:02x}")?;
        for byte in self.created_at.timestamp_micros().to_be_bytes().iter().chain(self.id.as_bytes()) {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = unhex(text).ok_or(CursorError::Malformed)?;
        let (version, place) = bytes.split_first().expect("a cursor has bytes");
        if *version != VERSION {
            return Err(CursorError::Version(*version));
        }
        let (micros, id) = place.split_at(8);
        let micros = i64::from_be_bytes(micros.try_into().expect("the split leaves 8 bytes"));
        let created_at = DateTime::from_timestamp_micros(micros)
            .filter(|time| (1..=9999).contains(&time.year()))
            .ok_or(CursorError::Malformed)?;
        let id = Uuid::from_slice(id).expect("the split leaves 16 bytes");
        Ok(Self { created_at, id })
    }
}

fn unhex(text: &str) -> Option<[u8; BYTES]> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 2 * BYTES { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YEAR_1: i64 = -62_135_596_800_000_000;
    const YEAR_9999: i64 = 253_402_300_799_999_999;

    proptest! {
        #[test]
        fn a_cursor_survives_being_text(micros in YEAR_1..=YEAR_9999, id: u128) {
            let created_at = DateTime::from_timestamp_micros(micros).unwrap();
            let cursor = Cursor { created_at, id: Uuid::from_u128(id) };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            prop_assert_eq!(cursor.to_string().to_uppercase().parse(), Ok(cursor));
        }

        #[test]
        fn rubbish_is_refused_and_never_panics(text in ".{0,60}|[0-9a-f]{48,52}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text.to_lowercase());
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cursor = Cursor { created_at: DateTime::UNIX_EPOCH, id: Uuid::nil() }.to_string();
        assert_eq!(cursor[1..].parse::<Cursor>(), Err(CursorError::Malformed));
        assert_eq!(format!("{cursor}00").parse::<Cursor>(), Err(CursorError::Malformed));
        assert_eq!("".parse::<Cursor>(), Err(CursorError::Malformed));
        assert_eq!(cursor.replacen("01", "02", 1).parse::<Cursor>(), Err(CursorError::Version(2)));
        let endless = format!("01{:016x}{}", i64::MAX, Uuid::nil().simple());
        assert_eq!(endless.parse::<Cursor>(), Err(CursorError::Malformed));
    }
}
