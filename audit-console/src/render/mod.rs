//! How the log is shown.

pub(crate) mod entries;
pub mod escape;
pub(crate) mod style;
pub(crate) mod table;
