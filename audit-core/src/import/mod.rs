//! Rows of an earlier log, moved into this one.
//!
//! A source gives [`Record`]s: the texts of one row by [`Field`]. [`Import::take`] makes them entries of one stream, whose id
//! derives from the source's name, in batches of the kind `import`: numbered, hashed, chained and signed like all others, so
//! that whatever is done to them from then on is found. They keep their times, for which partitions are made, and their ids,
//! where those are UUIDs; an id that is derived is the same each time. The column `origin` says `import:` and the name of the
//! source.
//!
//! An import that was broken off goes on when it is run again: rows that the log holds are left out, and of two that run at
//! once, the one that is late meets the other's header and stops. Nothing is doubled, and nothing is left out silently: each
//! record has a [`Fate`].
//!
//! # Examples
//!
//! ```no_run
//! use audit_core::import::{Import, Table};
//! use audit_core::store::Schema;
//!
//! # async fn run() -> Result<(), audit_core::import::ImportError> {
//! let (url, schema) = ("postgres://keeper@localhost/app", Schema::default());
//! let mut table = Table::open(url, "control_plane.audit_logs_legacy", &[]).await?;
//! let mut import = Import::into_log(url, &schema, table.name());
//! if table.has_unique_ids() {
//!     import = import.unique_ids();
//! }
//! let mut import = import.start().await?;
//! loop {
//!     let records = table.next(1_000).await?;
//!     if records.is_empty() {
//!         break;
//!     }
//!     for (record, fate) in records.iter().zip(import.take(&records).await?) {
//!         println!("{}: {fate:?}", record.place());
//!     }
//! }
//! println!("{} rows are in the log", import.finish().await?);
//! # Ok(())
//! # }
//! ```

mod error;
mod fate;
mod field;
mod ids;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod reading;
mod record;
mod run;
mod source;
#[cfg(feature = "sqlite")]
mod sqlite;
mod table;

pub use error::ImportError;
pub use fate::{Fate, Rejection};
pub use field::{Field, UnknownField};
pub use record::Record;
pub use run::{Import, ImportBuilder};
pub use table::Table;
