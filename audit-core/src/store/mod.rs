//! Where batches end: PostgreSQL or embedded SQLite, behind one contract.
//!
//! A [`Store`] is an address; [`Store::connect`] gives a [`Connection`], on which
//! [`land`](Connection::land) commits a batch's header and rows in one transaction, or nothing.
//! Landing the same batch again is always safe: it meets its own header and is done.
//!
//! `tests/tests/stores/store_contract` is the contract, and every store passes it.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod columns;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, reason = "without a store, there are no dead letters")
)]
pub(crate) mod dead_letter;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, reason = "without a store, there is no outbox")
)]
pub(crate) mod drain;
mod error;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
mod url;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use columns::Columns;
pub use error::{ErrorClass, StoreError};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use url::{Schema, SchemaNameError, open};
pub(crate) use url::{by_kind, open_for, unknown_kind};

use crate::batch::{Batch, HeaderKind};
use crate::migrate;

/// A boxed future, so that stores can be chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where batches end. Cheap to share; each lane opens a connection of its own.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Where it is, for logs and errors; never a password.
    fn describe(&self) -> String;

    /// Opens a connection that is ready to land batches.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes whatever was opened.
    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, StoreError>>;

    /// How many lanes it pays to write at once, where nobody has said how many there shall be.
    fn lanes(&self) -> usize {
        1
    }

    /// Brings the schema up to date, or says that it is.
    fn migrate(&self) -> BoxFuture<'_, Result<migrate::Report, migrate::Error>>;
}

/// One lane's connection.
pub trait Connection: Send {
    /// Commits a batch whole, exactly once however often it is sent.
    ///
    /// # Errors
    ///
    /// [`StoreError::class`] says what to do next. After any error the connection may be unusable:
    /// drop it and connect again before the next attempt.
    ///
    /// # Cancellation
    ///
    /// Whether the batch landed is then unknown: drop the connection, connect and land it again.
    fn land<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Landed, StoreError>>;

    /// Makes room for rows created from `now` on, ahead of time (PostgreSQL: the current partition and
    /// the next). Called after connecting and then once an hour; a failure is logged and harms nothing.
    fn prepare(&mut self, now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Says good-bye to the server.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// How a batch came to be in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Landed {
    /// This call committed it.
    Stored {
        /// How many of its rows the table refused, so that they lie in `audit_dead_letters`.
        dead_lettered: u64,
    },
    /// An earlier attempt had committed it: the store holds a header of this number and this hash.
    AlreadyStored {
        /// How many of its rows lie in `audit_dead_letters`.
        dead_lettered: u64,
    },
    /// The store holds another header of this number: somebody else writes this stream. The batch is
    /// *not* stored; its entries belong in a new stream.
    Squatted,
    /// Of a [`Lost`](crate::batch::HeaderKind::Lost) header alone: the batch that it would stand for is in the store. Nothing
    /// is lost.
    NotLost {
        /// How many of that batch's rows lie in `audit_dead_letters`.
        dead_lettered: u64,
    },
}

impl Landed {
    /// How a batch fares whose number a stored header of this hash has already.
    #[must_use]
    pub fn met(batch: &Batch, hash: &[u8], dead_lettered: u64) -> Self {
        let header = batch.header();
        if hash == batch.header_hash() {
            Self::AlreadyStored { dead_lettered }
        } else if header.kind == HeaderKind::Lost && hash == header.rows_root {
            Self::NotLost { dead_lettered }
        } else {
            Self::Squatted
        }
    }
}

/// A store chosen at run time.
pub type SharedStore = Arc<dyn Store>;
