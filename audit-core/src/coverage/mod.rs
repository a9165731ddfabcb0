//! Which actions are emitted where, and a test that none was forgotten.
//!
//! Every `#[audited]` leaves a [`Site`] in the program that it is linked into; [`sites`] lists them, and
//! [`catalog::render::markdown`](crate::catalog::render::markdown) shows them beside their actions. Code under
//! `forbid(unsafe_code)` leaves them too.
//!
//! [`assert_coverage!`](crate::assert_coverage) fails when an action of a catalog is emitted nowhere, or when a
//! function of a list is not audited, unless an exception with a reason is written beside it; an exception that has
//! become needless fails as well. It belongs in an integration test, which sees what the program ships:
//!
//! ```text
//! // tests/audit_coverage.rs
//! use my_service as _;
//!
//! #[test]
//! fn everything_that_is_done_is_audited() {
//!     audit_core::assert_coverage!(my_service::audit::Action);
//! }
//! ```

mod assert;
mod check;
mod gap;
pub(crate) mod place;
mod site;

pub use check::{Coverage, Gaps, path_of};
pub use site::{Site, sites};
