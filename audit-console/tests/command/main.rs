//! The `audit` command, as a shell sees it.

mod database;
mod doctor;
mod migrate;
mod query;
mod record;
mod support;
