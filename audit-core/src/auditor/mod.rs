//! Takes entries in and answers for them.
//!
//! [`Auditor`] records; [`Builder`] makes one and starts its writer; [`WriterGuard`] flushes it, shuts it
//! down and tells its [`Stats`]. [`init`] does it all with the defaults, for the whole program.

mod attempt;
mod builder;
mod disabled;
mod global;
mod guard;
mod health;
mod histogram;
mod record;
mod recording;
mod slot;
mod stats;

pub use attempt::Attempt;
pub(crate) use attempt::not_run;
pub use builder::{Builder, Migrate, Overflow, WaitForStore};
pub(crate) use global::unheard;
pub use global::{init, init_blocking};
pub use guard::{ShutdownReport, WriterGuard};
pub use health::Health;
pub use histogram::Histogram;
pub use record::Auditor;
pub use recording::Recording;
pub(crate) use slot::{Pending, Reserving, Slot};
pub use stats::{DroppedBy, Stats};
