//! One file for each command.

pub(crate) mod catalog;
pub(crate) mod migrate;
pub(crate) mod record;
