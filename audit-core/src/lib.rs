//! Who did what, to which thing, when, from where, and how it ended: once, complete and provably
//! unaltered, in PostgreSQL or embedded SQLite.
//!
//! An entry travels one way: an `#[audited]` function (or [`Auditor::record`]) makes an [`Entry`],
//! a bounded queue takes it, the writer thread freezes entries into a [`Batch`](batch::Batch), and a
//! [`Store`](store::Store) commits header and rows in one transaction.

extern crate self as audit_core;

pub mod batch;
pub mod catalog;
pub mod context;
pub mod coverage;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, clippy::unused_async, reason = "without a store, nothing is examined")
)]
pub mod doctor;
pub mod encoding;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, reason = "without a store, nothing is migrated")
)]
pub mod migrate;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, clippy::unused_async, reason = "without a store, nothing is read")
)]
pub mod query;
pub mod store;

#[doc(hidden)]
pub mod __private;
mod action;
mod actor;
mod annotate;
mod auditor;
mod call;
mod entry;
mod error;
mod merkle;
mod metadata;
mod outcome;
mod row;
mod sanitise;
mod target;
mod writer;

pub use action::{ActionName, ActionNameError};
pub use actor::{Actor, ActorParseError, ActorType};
pub use audit_macros::{AuditTarget, Catalog, audited};
pub use auditor::{
    Auditor, Builder, Migrate, Overflow, ShutdownReport, Stats, WaitForStore, WriterGuard, init, init_blocking,
};
pub use call::AuditTarget;
pub use catalog::{AuditAction, Catalog};
pub use context::Context;
pub use entry::{Entry, EntryBuilder, IntoAction};
pub use error::Error;
pub use metadata::Metadata;
pub use outcome::{Outcome, UnknownOutcome};
pub use row::Row;
pub use target::{Target, TargetParseError, TargetType};

/// The catalog that [`macro@audited`] checks against when it is imported from here.
#[allow(non_camel_case_types)]
pub type audited = AuditAction;
