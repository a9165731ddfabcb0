//! Reading the log: a [`Query`] in, a [`Page`] of rows out.
//!
//! What is asked for, a [`Filter`] says; it is built, or read from text in one [grammar], which is the same wherever the log is
//! asked. A [`Reader`] answers from either kind of store, under the reader's role alone, in read-only transactions. Every
//! statement has a time limit and every page a greatest length, so that a reader cannot hurt the writer. The page after
//! or before a page is asked for by its [`Cursor`], which names a row, not a number of rows: entries that arrive in between are
//! neither skipped nor shown twice, and the thousandth page costs what the first does.
//!
//! Where an index leads to the rows (actor, target, action, request, id, time), an answer is at once whole. Everything else is
//! searched for, in the order that was asked for, and when [two seconds](Reader::PATIENCE) are over before the page is full, it
//! says [how far](Page::searched_to) that came and goes on from there.
//!
//! [`Reader::rows`] gives all rows of a query, and [`Follow`] those that come, none of which it misses.
//!
//! A reader that fails is still good: the next page opens a new connection.
//!
//! # Examples
//!
//! ```no_run
//! use audit_core::query::{self, Query, Reader};
//! use audit_core::store::Schema;
//! use audit_core::Outcome;
//!
//! # async fn run() -> Result<(), audit_core::store::StoreError> {
//! let reader = Reader::connect("postgres://localhost/app", &Schema::default()).await?;
//! let latest = reader.page(&query::by_actor("user_123")).await?;
//!
//! let mut query = Query::new().action("project.deleted").outcome(Outcome::Denied).limit(100);
//! loop {
//!     let page = reader.page(&query).await?;
//!     for row in &page.rows {
//!         println!("{} {:?} {}", row.created_at, row.actor_id, row.action);
//!     }
//!     let Some(next) = page.next else { break };
//!     query = query.after(next);
//! }
//! # Ok(())
//! # }
//! ```

mod builder;
mod cursor;
mod filter;
mod follow;
pub mod grammar;
mod moment;
mod overview;
mod page;
mod pages;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod plan;
mod position;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod reader;
mod rows;
mod sealed;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod search;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod spans;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod sql;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod survey;
mod tally;
mod travel;
#[cfg(feature = "postgres")]
mod windows;

pub use builder::{Order, Query, by_action, by_actor, by_target};
pub use cursor::{Cursor, CursorError};
pub use filter::{Filter, Term};
pub use follow::Follow;
pub use grammar::ParseError;
pub use moment::{Moment, MomentError};
pub use overview::{Bar, Basis, Overview};
pub use page::{Count, Page};
pub use position::{Position, PositionError};
pub use reader::Reader;
pub use rows::Rows;
pub use tally::{By, Tally};
use travel::Travel;
