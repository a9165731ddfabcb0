//! What a check found.

use std::fmt;

use crate::store::StoreError;

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

    /// A check that the store did not let be made.
    pub(super) fn unseen(check: &'static str, error: &StoreError) -> Self {
        Self::yellow(check, error.to_string(), "examine as a user who may see it")
    }
}
