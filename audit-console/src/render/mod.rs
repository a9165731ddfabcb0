//! How the log is shown.

pub mod escape;
pub(crate) mod table;
