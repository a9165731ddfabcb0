//! What can go wrong with the auditor itself.

use std::io;
use std::time::Duration;

use crate::journal::JournalError;
use crate::migrate;
use crate::store::{SchemaNameError, StoreError};

/// What the auditor could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is a global auditor already.
    #[error("the global auditor is installed already: call `init` once, or `start` for an auditor of its own")]
    AlreadyInitialised,
    /// The builder was given neither a URL nor a store.
    #[error("no store: give the builder a URL (`sqlite:audit.db`, `postgres://…`) or a store")]
    NoStore,
    /// A setting is out of bounds.
    #[error("`{setting}` must be {bounds}")]
    Setting {
        /// The builder's method.
        setting: &'static str,
        /// What it accepts.
        bounds: &'static str,
    },
    /// The schema's name is none.
    #[error(transparent)]
    Schema(#[from] SchemaNameError),
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store could not be reached, or its schema not be brought up to date.
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    /// The journal could not be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The operating system gave no thread or no runtime.
    #[error("cannot start the writer's thread")]
    NoThread(#[source] io::Error),
    /// The writer's thread ended during its start.
    #[error("the writer died at its start; its panic message tells why")]
    WriterDied,
    /// A call that must be announced before it begins found no auditor.
    #[error("`{action}` was not run: there is no auditor to record it; call `audit_core::init` first")]
    NotInitialised {
        /// The call's action.
        action: String,
    },
    /// Nobody is named who does it, and the auditor requires an actor ([`Builder::require_actor`](crate::Builder::require_actor)).
    #[error(
        "`{action}` was refused: nobody is named who does it; enter a context with an actor (`audit_core::context::scope`), \
         complete the current one (`audit_core::context::update`), or name the actor in the entry"
    )]
    NoActor {
        /// The entry's action.
        action: String,
    },
    /// An entry found no place in the queue, or no writer.
    #[error("audit entry `{action}` dropped: {reason}")]
    Dropped {
        /// The entry's action.
        action: String,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// A durable entry was neither stored nor in the journal in time. It goes on waiting.
    #[error(
        "audit entry `{action}` was not durable within {timeout:?}: it goes on waiting and may be stored yet; \
         `stats().last_error` tells what holds it up"
    )]
    NotDurable {
        /// The entry's action.
        action: String,
        /// The builder's `durable_timeout`.
        timeout: Duration,
    },
    /// The writer ended before it knew whether a durable entry was stored.
    #[error(
        "audit entry `{action}` may not be stored: the writer ended first; shut the guard down after the last audited work"
    )]
    Unconfirmed {
        /// The entry's action.
        action: String,
    },
    /// A durable entry was recorded by code that runs on a writer's own thread: a `tracing` layer, a `Store`.
    #[error(
        "audit entry `{action}` is queued, and nobody can wait for it here: this code runs on the audit writer's own thread; \
         record with `Durability::Queued` there"
    )]
    OwnThread {
        /// The entry's action.
        action: String,
    },
    /// The deadline of a flush passed.
    #[error(
        "{waiting} audit entries were not stored within {deadline:?}; `stats().last_error` tells what holds them up"
    )]
    NotFlushed {
        /// Entries that are not stored.
        waiting: u64,
        /// The deadline that passed.
        deadline: Duration,
    },
}
