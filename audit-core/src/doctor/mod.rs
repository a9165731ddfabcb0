//! Says what is well with a log, what is not, and what to do about it.
//!
//! [`examine`] changes nothing and never fails: what keeps it from looking, such as a server that is away, is itself a
//! [`Finding`]. Checks that depend on one that failed are left out.
//!
//! # Examples
//!
//! ```no_run
//! use audit_core::doctor::{self, Level};
//! use audit_core::migrate::Options;
//!
//! # async fn run() {
//! let findings = doctor::examine("postgres://localhost/app", &Options::new()).await;
//! for finding in findings.iter().filter(|finding| finding.level > Level::Green) {
//!     println!("{}: {}", finding.check, finding.message);
//! }
//! # }
//! ```

mod examine;
mod finding;
mod journal;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use examine::examine;
pub use finding::{Finding, Level};
pub use journal::journal;
