//! The embedded SQLite store: one file, no server.
//!
//! The file is in WAL mode and every commit is synced (`synchronous=FULL`; NORMAL may roll back what was acknowledged).
//! A batch lands in one `BEGIN IMMEDIATE` transaction, so that of several programs one at a time writes and the others
//! wait, a few seconds.
//!
//! A memory database is refused: it would forget the log with the process, and each connection would see its own.

mod claims;
mod connection;
mod drain;
mod error;
mod file;
mod header;
mod rows;
mod store;

pub(crate) use error::{is_busy, store_error};
pub(crate) use file::{Access, File, close, serves};
pub use store::SqliteStore;
