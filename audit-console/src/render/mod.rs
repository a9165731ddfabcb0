//! How the log is shown.

pub(crate) mod bars;
pub(crate) mod changes;
pub(crate) mod csv;
pub(crate) mod entries;
pub(crate) mod entry;
pub mod escape;
pub(crate) mod line;
pub(crate) mod shown;
pub(crate) mod style;
pub(crate) mod table;
