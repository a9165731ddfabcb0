//! The `audit` command, as a shell sees it.

mod about;
mod catalog;
mod database;
mod dead_letters;
mod doctor;
mod export;
mod import;
mod journal;
mod json;
#[cfg(target_os = "linux")]
mod memory;
mod migrate;
#[cfg(target_os = "linux")]
mod output;
mod query;
mod reading;
mod record;
mod redact;
mod retention;
mod seal;
mod show;
mod stats;
mod support;
mod tail;
mod verify;
mod viewed;
