//! What the queue synchronises by.
//!
//! In the crate's own unit tests the lock is that of `shuttle`, which tries the orders in which threads can come to it, and
//! no time passes: a sleep never ends, and deadlines expire by hand. (What `tokio` wakes by is not modelled, but its wake-ups
//! reach `shuttle`'s tasks.) So the queue can be used there only below `shuttle::check_…`.

use std::time::Instant;

#[cfg(test)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(test))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(not(test))]
pub(crate) async fn sleep_until(at: Instant) {
    tokio::time::sleep_until(at.into()).await;
}

#[cfg(test)]
pub(crate) async fn sleep_until(_: Instant) {
    std::future::pending::<()>().await;
}
