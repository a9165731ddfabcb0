//! Rows that the log's table refused: looking at them, and sending them again.
//!
//! A row that a constraint or a trigger refuses does not hold up its batch: it is kept, whole, in `audit_dead_letters`
//! under the batch's unchanged header. Once what refused it is mended, [`DeadLetters::retry`] moves it into the log, under its own
//! stream and `seq` and with the `recorded_at` that its batch has, and the dead letter goes, in one transaction. What is
//! refused again stays. Nothing else ever removes a dead letter.
//!
//! # Examples
//!
//! ```no_run
//! use audit_core::dead_letters::DeadLetters;
//! use audit_core::store::Schema;
//!
//! # async fn run() -> Result<(), audit_core::store::StoreError> {
//! let mut letters = DeadLetters::connect("postgres://admin@localhost/app", &Schema::default()).await?;
//! for letter in letters.list(None, 100).await? {
//!     match letters.retry(letter.id).await {
//!         Ok(retried) => println!("{}: {retried:?}", letter.id),
//!         Err(error) => println!("{}: {error}", letter.id),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod id;
mod letter;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod visit;

pub use id::{DeadLetterId, DeadLetterIdError};
pub use letter::DeadLetter;
pub use visit::{DeadLetters, Retried};
