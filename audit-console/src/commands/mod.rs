//! One file for each command.

pub(crate) mod catalog;
pub(crate) mod completions;
pub(crate) mod dead_letters;
pub(crate) mod doctor;
pub(crate) mod export;
mod filter;
mod format;
pub(crate) mod hold;
pub(crate) mod import;
pub(crate) mod journal;
pub(crate) mod keys;
mod log_key;
pub(crate) mod migrate;
mod next_page;
pub(crate) mod proof;
pub(crate) mod query;
pub(crate) mod record;
mod recorder;
pub(crate) mod redact;
pub(crate) mod retention;
pub(crate) mod seal;
#[cfg(feature = "viewer")]
pub(crate) mod serve;
pub(crate) mod shell;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod tail;
pub(crate) mod verify;

/// What to do about a log that does not answer.
const ADVICE: &str = "`audit doctor` says what is wrong with the log; `audit migrate` makes its tables";
