//! The `audit` command, as a shell sees it.

mod database;
mod dead_letters;
mod doctor;
mod journal;
mod migrate;
#[cfg(target_os = "linux")]
mod output;
mod query;
mod record;
mod retention;
mod seal;
mod support;
mod verify;
