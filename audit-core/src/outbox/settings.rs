//! What the builder says of the outbox.

use std::time::Duration;

use crate::store::Schema;

/// Whether a writer moves entries from the outbox to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outbox {
    /// It does, as far as its role may.
    Drain,
    /// It leaves them to the writers of other instances.
    Leave,
}

/// How a writer learns of entries in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxWake {
    /// It looks after every [`outbox_poll`](crate::Builder::outbox_poll). Callers pay nothing for it.
    Poll,
    /// Each entry also notifies PostgreSQL's channel `audit_outbox`, so that it is moved at once. PostgreSQL commits
    /// transactions that notify one at a time: 10,400 a second fell to 3,600 where this was measured.
    Notify,
}

/// How entries get into the outbox, for callers.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "SQLite has neither schemas nor notifications"))]
pub(crate) struct Settings {
    /// The schema that holds `audit_outbox`.
    pub(crate) schema: Schema,
    pub(crate) wake: OutboxWake,
}

impl Default for Settings {
    fn default() -> Self {
        Self { schema: Schema::default(), wake: OutboxWake::Poll }
    }
}

/// How the outbox is drained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The pause between two looks at an empty outbox.
    pub(crate) poll: Duration,
    /// Most rows of one batch.
    pub(crate) rows: usize,
}
