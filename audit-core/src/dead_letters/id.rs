//! Which dead letter.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A dead letter's place: `STREAM/BATCH/INDEX`.
///
/// # Examples
///
/// ```
/// use audit_core::dead_letters::DeadLetterId;
///
/// let id: DeadLetterId = "019ab000-0000-7000-8000-000000000000/7/17".parse()?;
/// assert_eq!((id.batch_no, id.idx), (7, 17));
/// assert_eq!(id.to_string(), "019ab000-0000-7000-8000-000000000000/7/17");
/// # Ok::<(), audit_core::dead_letters::DeadLetterIdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeadLetterId {
    /// The stream of its batch.
    pub stream_id: Uuid,
    /// Its batch.
    pub batch_no: i64,
    /// Its place in the batch, from 0.
    pub idx: i32,
}

/// A text that is no dead letter's place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no dead letter: write STREAM/BATCH/INDEX, as `audit dead-letters` shows it")]
pub struct DeadLetterIdError(String);

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.stream_id, self.batch_no, self.idx)
    }
}

impl FromStr for DeadLetterId {
    type Err = DeadLetterIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut parts = text.split('/');
            let id = Self {
                stream_id: parts.next()?.parse().ok()?,
                batch_no: parts.next()?.parse().ok()?,
                idx: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(id)
        };
        read().ok_or_else(|| DeadLetterIdError(text.to_owned()))
    }
}
