//! A private PostgreSQL for tests, started from installed binaries.
//!
//! [`server`] is shared by the tests of a binary, each of which makes a [`Database`] of its own; tests that kill the
//! server start one for themselves with [`Server::start`]. A server listens on a Unix socket in its own directory and
//! on loopback, and lives exactly as long as the process that started it, also when that process is killed.
//!
//! A [`Pooler`] is a `PgBouncer` before such a server.
//!
//! Without binaries of version 15 or later, tests fail with a sentence that says how to get them.

mod binaries;
mod database;
mod pooler;
mod server;
mod supervisor;
mod user;

pub use binaries::version_text;
pub use database::{Database, execute_at};
pub use pooler::Pooler;
pub use server::{Durability, Server, server};
