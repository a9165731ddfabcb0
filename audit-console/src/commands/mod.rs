//! One file for each command.

pub(crate) mod catalog;
pub(crate) mod dead_letters;
pub(crate) mod doctor;
pub(crate) mod journal;
pub(crate) mod keys;
mod log_key;
pub(crate) mod migrate;
mod next_page;
pub(crate) mod proof;
pub(crate) mod query;
pub(crate) mod record;
pub(crate) mod retention;
pub(crate) mod seal;
mod shell;
pub(crate) mod verify;

/// What to do about a log that does not answer.
const ADVICE: &str = "`audit doctor` says what is wrong with the log; `audit migrate` makes its tables";
