//! How it ended.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How an audited call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried and failed.
    Failure,
    /// It was refused to this actor.
    Denied,
    /// The future was dropped before its end.
    Cancelled,
    /// The function panicked.
    Panicked,
    /// It is about to be tried; another entry tells how it ended.
    Attempted,
}

impl Outcome {
    /// Every outcome, in the order of the table's CHECK.
    pub const ALL: [Self; 6] =
        [Self::Success, Self::Failure, Self::Denied, Self::Cancelled, Self::Panicked, Self::Attempted];

    /// The text in the `outcome` column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
            Self::Attempted => "attempted",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an outcome: write success, failure, denied, cancelled, panicked or attempted")]
pub struct UnknownOutcome(String);

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text).ok_or_else(|| UnknownOutcome(text.to_owned()))
    }
}
