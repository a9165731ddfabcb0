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

/// How entries get into the outbox, for callers.
#[derive(Debug, Clone, Default)]
#[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "SQLite has neither schemas nor notifications"))]
pub(crate) struct Settings {
    /// The schema that holds `audit_outbox`.
    pub(crate) schema: Schema,
    /// Whether the commit is told to drainers that listen.
    pub(crate) notify: bool,
}

/// How the outbox is drained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The pause between two looks at an empty outbox.
    pub(crate) poll: Duration,
    /// Most rows of one batch.
    pub(crate) rows: usize,
}
