//! One file for each command.

pub(crate) mod catalog;
pub(crate) mod doctor;
pub(crate) mod migrate;
mod next_page;
pub(crate) mod query;
pub(crate) mod record;
