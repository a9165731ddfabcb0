//! One call of an audited function: what the expansion of `#[audited]` runs.
//!
//! Before the body, [`Captures`] takes what was named of the arguments, and a place in the queue is
//! reserved. A [`Call`] then watches over the body: called in place ([`Call::run`]) or polled
//! ([`audited_future`]). However it ends, the call is recorded once: with the outcome that [`Ended`] reads from
//! the returned value, as panicked when the body unwinds, as cancelled when its future is dropped.
//!
//! A future that was never polled is no call: a call begins, and takes its context, at the first poll. Neither is one that is dropped while it waits for its
//! place in the queue: its body has not begun. What a function does before it returns its future is part of the call only
//! if it panics there, or annotates.
//!
//! A durable call ends when its entry is kept, and one with `durability = "before"` begins when its attempt is: what
//! that asks of the function is its [`Contract`].
//!
//! With `tx = EXPR`, the entry of a success is [`Unwritten`] when the body has returned, and goes into the caller's
//! transaction.
//!
//! Nothing in here reaches the function's caller: an expression of the attribute that panics is caught
//! and leaves a mark in the metadata.

#[cfg(feature = "actix-web")]
mod actix;
mod captures;
mod contract;
mod ended;
mod future;
mod guard;
#[cfg(feature = "http")]
mod http;
mod outcome;
mod response;
mod said;
mod scope;
mod shown;
mod site;
#[cfg(any(feature = "http", feature = "actix-web"))]
mod status;
mod target;
mod told;
mod transaction;
mod verdict;

pub use captures::Captures;
pub use contract::{Contract, Promise, Terms, check_endless, check_on, code};
pub use ended::{AnyError, Ended, ErrorText, Finished, NoFuture, Whole};
pub use future::{audited_future, audited_opaque, audited_returned};
pub use guard::Call;
pub use outcome::AuditOutcome;
pub use said::{Said, SaidResponse, Silent, Unjudged, Usual};
pub use scope::annotate;
pub use shown::{Plain, Shown, Text, debugged, displayed};
pub use site::{On, Site};
pub use target::{AuditTarget, target_of};
pub use told::Told;
pub(crate) use transaction::Unwritten;
pub use transaction::{Failing, watched};
pub use verdict::Verdict;
