//! Who did what, to which thing, when, from where, and how it ended: once, complete and provably
//! unaltered, in PostgreSQL or embedded SQLite.
//!
//! Annotate a function with [`macro@audited`]; [`init`] the writer once; say who is at work with a [`Context`]:
//!
//! ```no_run
//! use std::time::Duration;
//! use audit_core::{Actor, Context, audited, context};
//!
//! #[audited(action = "project.deleted", metadata(reason))]
//! async fn delete_project(project_id: &str, reason: &str) -> Result<(), std::io::Error> {
//!     Ok(())
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let writer = audit_core::init("sqlite:audit.db").await?;
//! let request = Context::new().with_actor(Actor::user("user_123")).with_request_id("req_9");
//! context::scope(request, delete_project("proj_456", "unused")).await?;
//! writer.shutdown(Duration::from_secs(10)).await;
//! # Ok(())
//! # }
//! ```
//!
//! However a call ends, by a value, an error, a panic or a dropped future, it is one entry. An entry travels one way: the
//! annotated function (or [`Auditor::record`]) makes an [`Entry`], a bounded queue takes it, the writer thread freezes
//! entries into a [`Batch`](batch::Batch), and a [`Store`](store::Store) commits header and rows in one transaction.
//!
//! Which actions there are, a catalog says: [`AuditAction`] is built in, and [`macro@Catalog`] derives others. A name
//! that is not in the catalog does not compile. [`query`] reads the log, [`migrate`](mod@migrate) makes its tables, and
//! [`doctor`] examines it. What changed is recorded by [`diff`](diff()), without secrets, and [`assert_coverage!`] is the test
//! that no action and no function was forgotten.
//!
//! # When something fails
//!
//! Auditing never changes what a function returns. While the store is away, batches wait in the journal, if there is one
//! ([`Builder::journal`]), otherwise in memory, and are sent again for as long as it takes; a full queue makes callers wait
//! within the [`Overflow`] policy's bound, and what is dropped then is counted ([`Stats`]) and told in the log by an `audit.gap`
//! entry. What is in memory alone dies with the process: shut the [`WriterGuard`] down at the end of `main`.
//!
//! # Features
//!
//! `postgres` and `sqlite` (both default) are the stores; `tls` adds TLS to PostgreSQL; `any` takes
//! transactions of `sqlx::Any` for the outbox; `secrecy` (default) compares the
//! types of that crate, where a changed secret is recorded as changed. `http` lets status codes and responses say how a
//! call ended, and `axum` refuses responses that do not ([`AuditOutcome`]). `tower` opens a [`Context`] for each request of
//! axum, tonic and hyper, and `actix-web` does for each of that framework, whose responses say how a call ended, too (`audit_core::http`). `testing` captures what a test records (`audit_core::testing`).
//! `metrics` publishes the accounts for dashboards, `tracing` opens spans of the writer's work, and `otel` has entries name the trace
//! and span of OpenTelemetry in which they were made.

extern crate self as audit_core;

pub mod batch;
pub mod catalog;
pub mod context;
pub mod coverage;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, clippy::unused_async, reason = "without a store, there are no dead letters")
)]
pub mod dead_letters;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, clippy::unused_async, reason = "without a store, nothing is examined")
)]
pub mod doctor;
pub mod encoding;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, unused_imports, clippy::unused_async, reason = "without a store, nothing is erased")
)]
pub mod erasure;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, unused_imports, clippy::unused_async, reason = "without a store, nothing is held")
)]
pub mod holds;
#[cfg(any(feature = "tower", feature = "actix-web"))]
pub mod http;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, unused_imports, clippy::unused_async, reason = "without a store, nothing is imported")
)]
pub mod import;
pub mod journal;
#[cfg(feature = "metrics")]
pub mod metrics;
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
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, unused_imports, clippy::unused_async, reason = "without a store, nothing is pruned")
)]
pub mod retention;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, unused_imports, clippy::unused_async, reason = "without a store, nothing is sealed")
)]
pub mod seal;
pub mod signing;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, unused_imports, clippy::unused_async, reason = "without a store, nothing is verified")
)]
pub mod verify;

#[doc(hidden)]
pub mod __private;
mod action;
mod actor;
mod annotate;
mod auditor;
mod call;
mod canonical;
mod diff;
mod durability;
mod entry;
mod error;
mod merkle;
mod metadata;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, unused_imports, reason = "without a store, there is no outbox")
)]
mod outbox;
mod outcome;
mod row;
mod sanitise;
mod spans;
mod target;
mod trace;
mod writer;

pub use action::{ActionName, ActionNameError};
pub use actor::{Actor, ActorParseError, ActorType};
pub use audit_macros::{AuditOutcome, AuditTarget, Catalog, Diff, audited};
pub use auditor::{
    Attempt, Auditor, Builder, DroppedBy, Health, Histogram, Migrate, Overflow, Recording, ShutdownReport, Stats,
    WaitForStore, WriterGuard, init, init_blocking,
};
pub use call::{AuditOutcome, AuditTarget};
pub use catalog::{AuditAction, Catalog};
pub use context::Context;
pub use diff::{Diff, diff, diff_serialized};
pub use durability::{Durability, UnknownDurability};
pub use entry::{Entry, EntryBuilder, IntoAction};
pub use error::Error;
pub use journal::{JournalError, JournalStatus};
pub use metadata::Metadata;
pub use migrate::migrate;
pub use outbox::{Outbox, OutboxTransaction, outbox};
pub use outcome::{Outcome, UnknownOutcome};
pub use row::Row;
pub use target::{Target, TargetParseError, TargetType};

/// The catalog that [`macro@audited`] checks against when it is imported from here.
#[allow(non_camel_case_types)]
pub type audited = AuditAction;
