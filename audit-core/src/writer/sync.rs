//! What the queue synchronises by, and the time that lanes wait.
//!
//! In the crate's own unit tests the lock is that of `shuttle`, which tries the orders in which threads can come to it, and
//! no time passes: a sleep never ends, and deadlines expire by hand. (What `tokio` wakes by is not modelled, but its wake-ups
//! reach `shuttle`'s tasks.) So the queue can be used there only below `shuttle::check_…`.

use std::time::{Duration, Instant};

use super::clock;
use super::unwind::Panic;

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

pub(crate) async fn sleep(time: Duration) {
    sleep_until(clock::in_future(time)).await;
}

/// What the work comes to; nothing where the time is over first.
pub(crate) async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = sleep(time) => None,
    }
}

/// Does work on another thread, while this one does what else there is; on this one where the system has no more threads. Then
/// `tokio` panics, and what it was given stays in its queue: the work is taken back, so that it is done once.
#[cfg(not(test))]
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Panic> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{Arc, PoisonError};

    let work = Mutex::new(Some(work));
    let once = Arc::new(move || {
        let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
        work.map(|work| work())
    });
    let elsewhere = Arc::clone(&once);
    let done = match catch_unwind(AssertUnwindSafe(|| tokio::task::spawn_blocking(move || elsewhere()))) {
        Ok(doing) => doing.await.map_err(tokio::task::JoinError::try_into_panic),
        Err(_) => catch_unwind(AssertUnwindSafe(|| once())).map_err(Ok),
    };
    match done {
        Ok(Some(done)) => Ok(done),
        Err(Ok(panic)) => Err(panic),
        // The runtime ends, and whoever waits here with it.
        Ok(None) | Err(Err(_)) => std::future::pending().await,
    }
}

/// More or less of what else there is comes before the work is known to be done.
#[cfg(test)]
pub(crate) async fn aside<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    use shuttle::rand::{Rng as _, thread_rng};

    let done = work();
    for _ in 0..thread_rng().gen_range(0..10) {
        shuttle::future::yield_now().await;
    }
    Ok(done)
}
