//! Entries that commit with the caller's own transaction.
//!
//! [`outbox`](write::outbox) writes an entry, as a [`Record`], into the table `audit_outbox` within a transaction of the
//! caller's. Once that has committed, the writer of any instance moves it into the log: it takes a few rows, freezes them
//! into a batch of its own stream ([`Cutter`]), and commits batch and removal together.
//!
//! Where the outbox is in another database than the log, no transaction spans both. There the batch is written onto the
//! rows first (a [`Claim`]): that freezes it. Then it lands, and then the rows go. Whoever finds an old claim lands the very
//! same bytes again, and the header's key in the log makes that harmless.

#[cfg(all(feature = "any", any(feature = "postgres", feature = "sqlite")))]
mod any;
mod bell;
mod claim;
mod cutter;
mod elsewhere;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
mod same;
mod settings;
#[cfg(feature = "sqlite")]
mod sqlite;
mod transaction;
mod write;

pub(crate) use bell::Bell;
pub(crate) use claim::{Claim, header_text};
pub(crate) use cutter::Cutter;
pub(crate) use elsewhere::elsewhere;
pub(crate) use record::Record;
pub(crate) use same::open;
pub use settings::Outbox;
pub(crate) use settings::{Pace, Settings};
pub use transaction::OutboxTransaction;
pub use write::outbox;
pub(crate) use write::write;
