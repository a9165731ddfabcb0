//! Tests of a program that is audited: each captures what it records, and asserts of it. Needs the feature `testing`, which
//! belongs among the dev-dependencies.
//!
//! [`capture`] puts a [`Capture`] into the context of the test that calls it, so any number of tests run side by side. What
//! is recorded is there when the audited function has returned: there is no writer, no store and nothing to wait for. Ids and
//! times are the same in each run: the first entry is of 2026-01-01 00:00:00 UTC, and each later one of a millisecond later;
//! durations are zero. Rows are otherwise what the log would hold.
//!
//! Work of a test that goes on elsewhere is captured where it goes on in the [context](crate::context) of the test, as in the
//! program itself. What is written in a transaction (`tx = …`, [`outbox`](crate::outbox())) is captured when it is written,
//! whether or not it is committed, and nothing goes into the database.
//!
//! # Examples
//!
//! ```
//! use audit_core::{Actor, Context, assert_audited, assert_not_audited, audited, context, testing};
//!
//! #[audited(action = "user.invited", target = "user", metadata(role))]
//! fn invite(user_id: &str, role: &str) {}
//!
//! // #[test], or #[tokio::test]
//! fn an_invitation_is_audited() {
//!     let _audit = testing::capture();
//!     context::sync_scope(Context::new().with_actor(Actor::user("user_1")), || invite("user_2", "admin"));
//!     assert_audited!(
//!         action = "user.invited",
//!         target = "user:user_2",
//!         actor = "user:user_1",
//!         metadata.role = "admin",
//!         outcome = success,
//!     );
//!     assert_not_audited!(action = "user.removed");
//! }
//! # an_invitation_is_audited();
//! ```

mod assert;
mod capture;
mod captured;
mod condition;

#[doc(hidden)]
pub use assert::{audited, current, not_audited};
pub use capture::{Capture, Capturing, capture};
pub(crate) use captured::Captured;
#[doc(hidden)]
pub use condition::Condition;
