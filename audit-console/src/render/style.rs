//! Styles for text that stands in no table (ECMA-48, SGR).

use audit_core::Outcome;

pub(crate) const BOLD: &str = "\u{1b}[1m";
pub(crate) const DIM: &str = "\u{1b}[2m";
pub(crate) const RED: &str = "\u{1b}[31m";
pub(crate) const GREEN: &str = "\u{1b}[32m";
pub(crate) const YELLOW: &str = "\u{1b}[33m";
pub(crate) const CYAN: &str = "\u{1b}[36m";
pub(crate) const PLAIN: &str = "\u{1b}[0m";

/// The colour of an outcome, as in tables.
pub(crate) const fn of_outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => GREEN,
        Outcome::Failure | Outcome::Panicked => RED,
        Outcome::Denied | Outcome::Cancelled => YELLOW,
        Outcome::Attempted => CYAN,
    }
}
