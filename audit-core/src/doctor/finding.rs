//! What a check found.

use std::fmt;

use crate::store::StoreError;

/// A batch waits no longer for a checkpoint than this, where one is signed every ten seconds. In seconds.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
const SIGNED_WITHIN: i64 = 60;

/// Drops are told of for so many days: the log keeps what it says of them for ever.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) const GAPS_OF_DAYS: i64 = 7;

/// What `audit.gap` entries say was dropped for one reason.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
#[derive(Debug)]
pub(super) struct Gap {
    pub(super) reason: String,
    pub(super) dropped: i64,
    /// How many of these entries cannot tell how much it was.
    pub(super) uncounted: i64,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at, in one word: `reach`, `version`, `migrations`, ….
    pub check: &'static str,
    /// How it stands.
    pub level: Level,
    /// What was seen.
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// As it should be.
    Green,
    /// It works, and could be better.
    Yellow,
    /// The log cannot be written or trusted until this is mended.
    Red,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        })
    }
}

impl Finding {
    pub(super) fn green(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, level: Level::Green, message: message.into(), advice: None }
    }

    pub(super) fn yellow(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Yellow, message: message.into(), advice: Some(advice.into()) }
    }

    pub(super) fn red(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Red, message: message.into(), advice: Some(advice.into()) }
    }

    /// How many rows the log's table refused.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn of_dead_letters(count: i64) -> Self {
        const CHECK: &str = "refused";
        match count {
            0 => Self::green(CHECK, "no dead letters"),
            _ => Self::yellow(
                CHECK,
                format!("dead letters, which are rows that the table refused: {count}"),
                "see `audit dead-letters`, mend what refuses them, and run `audit dead-letters retry --all`",
            ),
        }
    }

    /// What was dropped lately, as the log itself tells.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn of_gaps(gaps: &[Gap]) -> Self {
        const CHECK: &str = "gaps";
        if gaps.is_empty() {
            return Self::green(CHECK, format!("the log tells of no dropped entries in the last {GAPS_OF_DAYS} days"));
        }
        let by_reason = gaps.iter().map(|Gap { reason, dropped, uncounted }| match uncounted {
            0 => format!("{dropped} {reason}"),
            _ => format!("{dropped} {reason}, beside gaps of unknown size: {uncounted}"),
        });
        let by_reason: Vec<_> = by_reason.collect();
        let message =
            format!("entries that were dropped in the last {GAPS_OF_DAYS} days, by reason: {}", by_reason.join("; "));
        Self::yellow(CHECK, message, "see `audit query --action audit.gap` for when, and the service's own log for why")
    }

    /// How far the log is sealed: batches that should long be in the tree, batches that checkpoints cover, and for how many
    /// seconds the first one has waited that they do not.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn of_sealing(unsealed: i64, covered: Option<i64>, waiting: Option<i64>) -> Self {
        const CHECK: &str = "sealing";
        if unsealed > 0 {
            return Self::yellow(
                CHECK,
                format!("batches that are older than a minute and not in the tree: {unsealed}"),
                "let a writer run that may seal (in PostgreSQL with the role audit_sealer), or `audit seal`",
            );
        }
        match (covered, waiting) {
            (None, _) => {
                Self::green(CHECK, "everything is in the tree; no checkpoint was ever signed, see `audit seal`")
            }
            (Some(covered), Some(seconds)) if seconds > SIGNED_WITHIN => Self::yellow(
                CHECK,
                format!("the newest checkpoint covers {covered} batches, and the next one has waited for {seconds} s"),
                "find out why `audit seal` does not run with the key of the log",
            ),
            (Some(covered), _) => Self::green(CHECK, format!("the newest checkpoint covers {covered} batches")),
        }
    }

    /// A check that the store did not let be made.
    pub(super) fn unseen(check: &'static str, error: &StoreError) -> Self {
        Self::yellow(check, error.to_string(), "examine as a user who may see it")
    }
}
