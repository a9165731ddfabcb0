//! How far somebody has followed the log.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::Cursor;

/// How far somebody has followed the log: a place in the sealed tree. As text it may stand in a file or on a command line.
///
/// The text is that of the leaf that is read next, `41`; within batches, their leaves and the [`Cursor`] of the entry
/// that was given last: `41-44-01…`.
///
/// # Examples
///
/// ```
/// use audit_core::query::Position;
///
/// assert_eq!("41".parse::<Position>()?.to_string(), "41");
/// assert!("page 2".parse::<Position>().is_err());
/// # Ok::<(), audit_core::query::PositionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    leaf: u64,
    within: Option<(u64, Cursor)>,
}

/// Why a text is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position: pass on the one that was given, unchanged")]
pub struct PositionError;

impl Position {
    /// Before the first entry.
    pub const START: Self = Self::at(0);

    pub(super) const fn at(leaf: u64) -> Self {
        Self { leaf, within: None }
    }

    /// Behind a row of batches that are read together.
    pub(super) const fn within(leaves: &Range<u64>, row: Cursor) -> Self {
        Self { leaf: leaves.start, within: Some((leaves.end, row)) }
    }

    /// The leaf that is read next.
    pub(super) const fn leaf(&self) -> u64 {
        self.leaf
    }

    /// The leaf before which those end that are read together, and the row of them that was given last.
    pub(super) const fn begun(&self) -> Option<(u64, Cursor)> {
        self.within
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.leaf)?;
        match &self.within {
            Some((end, row)) => write!(f, "-{end}-{row}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let mut parts = text.split('-');
        let leaf = number(parts.next())?;
        let Some(end) = parts.next() else { return Ok(Self::at(leaf)) };
        let end = number(Some(end))?;
        let row = parts.next().and_then(|row| row.parse().ok()).ok_or(PositionError)?;
        if parts.next().is_some() || end <= leaf {
            return Err(PositionError);
        }
        Ok(Self::within(&(leaf..end), row))
    }
}

/// A leaf, which the stores count in 63 bits.
fn number(text: Option<&str>) -> Result<u64, PositionError> {
    let digits = text.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse::<i64>().ok()).ok_or(PositionError)?;
    Ok(number.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_position_reads_back_as_itself_and_nothing_else_does() {
        let row = Cursor::at(1_700_000_000_000_000, Uuid::from_u128(7));
        for position in [Position::START, Position::at(41), Position::within(&(41..44), row)] {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for rubbish in ["", "-1", "+1", "1-", "1-2", "1-2-", "1-2-00", "9223372036854775808", &format!("2-2-{row}")] {
            assert_eq!(rubbish.parse::<Position>(), Err(PositionError), "{rubbish}");
        }
    }
}
