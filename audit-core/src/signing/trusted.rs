//! The keys that a verifier trusts.

use std::path::Path;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::{KeyError, VerifyingKey};

/// Most keys of one file.
const MAX_KEYS: usize = 1_000;

/// The keys that whoever verifies trusts. It comes from a file of the verifier's own, never from the database.
///
/// The file has a key a line; `#` begins a comment. `log` says that the key signs checkpoints, `writer` that it
/// signs headers, the latter optionally with times (RFC 3339): `since`, before which batches need no signature, and `until`, from
/// which on a key is trusted no more, because it was replaced or stolen. Both are compared with `db_time`, which whoever owns
/// the database can set: without a checkpoint that the verifier kept from before, they bind nobody who does. A key says nothing
/// of the log that it signs for: give each service and log its own.
///
/// # Examples
///
/// ```
/// use audit_core::signing::{Signer as _, SigningKey, TrustedKeys};
///
/// let (log, writer) = (SigningKey::generate("audit.example.org")?, SigningKey::generate("billing")?);
/// let file = format!(
///     "# of the audit log\nlog {}\nwriter {} since=2026-11-01T00:00:00Z\n",
///     log.verifying_key(),
///     writer.verifying_key()
/// );
/// let keys: TrustedKeys = file.parse()?;
/// assert_eq!(keys.log(), [log.verifying_key().clone()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedKeys {
    log: Vec<VerifyingKey>,
    writers: Vec<TrustedWriter>,
}

/// A key that signs headers, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustedWriter {
    /// The key.
    pub key: VerifyingKey,
    /// Batches that the database took before this need no signature.
    pub since: Option<DateTime<Utc>>,
    /// The key is not trusted for what the database took from then on.
    pub until: Option<DateTime<Utc>>,
}

/// What is wrong with a file of trusted keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustedKeysError {
    /// A line is no key.
    #[error("line {line}: {source}")]
    Key {
        /// Counts from 1.
        line: usize,
        /// Why.
        source: KeyError,
    },
    /// A line begins with another word.
    #[error("line {line} begins with neither `log` nor `writer`: write `log KEY` or `writer KEY`")]
    Kind {
        /// Counts from 1.
        line: usize,
    },
    /// What follows a key cannot be read.
    #[error(
        "line {line}: what follows the key is neither since=TIME nor until=TIME, such as until=2026-11-27T00:00:00Z"
    )]
    Limit {
        /// Counts from 1.
        line: usize,
    },
    /// There is none.
    #[error("there is no key in it: write `log KEY` or `writer KEY`, with what `audit keys show` prints")]
    NoKey,
    /// There are too many.
    #[error("there are more than {MAX_KEYS} keys")]
    TooMany,
    /// The file cannot be read.
    #[error("cannot read the trusted keys from {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

impl TrustedKeys {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or a line of it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, TrustedKeysError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| TrustedKeysError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        text.parse()
    }

    /// The keys that sign checkpoints. The name of each is an origin.
    #[must_use]
    pub fn log(&self) -> &[VerifyingKey] {
        &self.log
    }

    /// The keys that sign headers.
    #[must_use]
    pub fn writers(&self) -> &[TrustedWriter] {
        &self.writers
    }

    /// Whether a batch that the database took then has to be signed.
    pub(crate) fn demand_signature(&self, db_time: DateTime<Utc>) -> bool {
        self.writers.iter().any(|writer| writer.since.is_none_or(|since| since <= db_time))
    }

    /// The key of this id, if it is trusted for what the database took then.
    pub(crate) fn writer(&self, key_id: &str, db_time: DateTime<Utc>) -> Option<&VerifyingKey> {
        let is_trusted =
            |writer: &&TrustedWriter| writer.key.id() == key_id && writer.until.is_none_or(|until| db_time < until);
        self.writers.iter().find(is_trusted).map(|writer| &writer.key)
    }
}

impl FromStr for TrustedKeys {
    type Err = TrustedKeysError;

    fn from_str(text: &str) -> Result<Self, TrustedKeysError> {
        let mut keys = Self::default();
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.split_once('#').map_or(content, |(content, _)| content);
            let mut words = content.split_whitespace();
            let Some(kind) = words.next() else { continue };
            let mut key = || -> Result<VerifyingKey, TrustedKeysError> {
                words.next().unwrap_or_default().parse().map_err(|source| TrustedKeysError::Key { line, source })
            };
            match kind {
                "log" => keys.log.push(key()?),
                "writer" => {
                    let mut writer = TrustedWriter { key: key()?, since: None, until: None };
                    for word in words.by_ref() {
                        let limit = word
                            .split_once('=')
                            .and_then(|(name, time)| Some((name, DateTime::parse_from_rfc3339(time).ok()?.to_utc())));
                        match limit {
                            Some(("since", time)) => writer.since = Some(time),
                            Some(("until", time)) => writer.until = Some(time),
                            _ => return Err(TrustedKeysError::Limit { line }),
                        }
                    }
                    keys.writers.push(writer);
                }
                _ => return Err(TrustedKeysError::Kind { line }),
            }
            if words.next().is_some() {
                return Err(TrustedKeysError::Limit { line });
            }
            if keys.log.len() + keys.writers.len() > MAX_KEYS {
                return Err(TrustedKeysError::TooMany);
            }
        }
        if keys == Self::default() {
            return Err(TrustedKeysError::NoKey);
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::{Signer as _, SigningKey};

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let key = SigningKey::generate("log").unwrap().verifying_key().to_string();
        let error = |text: String| text.parse::<TrustedKeys>().unwrap_err().to_string();
        assert!(error(format!("log {key}\n\nlgo {key}")).starts_with("line 3 begins with neither"));
        assert!(error(format!("writer {key} until=tomorrow")).starts_with("line 1: what follows"));
        assert!(error(format!("log {key} until=2026-11-27T00:00:00Z")).starts_with("line 1: what follows"));
        assert!(error("# none yet".to_owned()).starts_with("there is no key in it"));
        assert!(error("log".to_owned()).starts_with("line 1: this is not written as NAME+HASH+BASE64"));
        assert!(error(format!("log {}", key.replace("log", "gol"))).contains("a character was changed"));
    }

    #[test]
    fn a_key_is_trusted_until_it_is_not() {
        let key = SigningKey::generate("billing").unwrap().verifying_key().clone();
        let keys: TrustedKeys =
            format!("writer {key} since=2026-11-01T00:00:00Z until=2026-11-02T00:00:00Z").parse().unwrap();
        let at = |time: &str| DateTime::parse_from_rfc3339(time).unwrap().to_utc();
        assert!(!keys.demand_signature(at("2026-10-31T23:59:59Z")));
        assert!(keys.demand_signature(at("2026-11-01T00:00:00Z")));
        assert_eq!(keys.writer(&key.id(), at("2026-11-01T12:00:00Z")), Some(&key));
        assert_eq!(keys.writer(&key.id(), at("2026-11-02T00:00:00Z")), None);
    }
}
