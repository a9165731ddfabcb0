//! Which actions are emitted where.
//!
//! Every `#[audited]` leaves a [`Site`] in the program that it is linked into. [`sites`] lists them.

pub(crate) mod place;
mod site;

pub use site::{Site, sites};
