//! Legal holds: what they cover is neither erased nor pruned, until they are released.
//!
//! A hold covers the entries that all fits which is said of them: a time of creation, an actor, a target. Holds are never
//! changed or removed; a release is a record of its own, and an entry of the log tells of each.
//!
//! # Examples
//!
//! ```no_run
//! use audit_core::holds::{Hold, Holds};
//! use audit_core::store::Schema;
//!
//! # async fn run(auditor: audit_core::Auditor) -> Result<(), Box<dyn std::error::Error>> {
//! let mut holds = Holds::connect("postgres://keeper@localhost/app", &Schema::default()).await?;
//! let hold = Hold::new("case 2026-117", "user:counsel").actor("user_123");
//! let id = hold.id;
//! holds.add(hold, &auditor).await?;
//! assert!(holds.active().await?.iter().any(|hold| hold.id == id));
//! holds.release(id, "the case is closed", "user:counsel", &auditor).await?;
//! # Ok(())
//! # }
//! ```

mod hold;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod visit;

pub use hold::Hold;
pub use visit::{HoldError, Holds};
