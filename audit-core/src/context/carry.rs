//! The context of the work in progress, taken along to where the work goes on.

use tokio::task::JoinHandle;

use super::{Context, Scope, scope, sync_scope};

/// Carries the current context into a task that is about to be spawned.
pub trait InContext: Future + Sized {
    /// This future in the context of the work in progress now, wherever it will be polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use audit_core::{Actor, Context, context, context::InContext};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(
    /// context::scope(Context::system("nightly-billing"), async {
    ///     tokio::spawn(async { assert!(Context::current().actor().is_some()) }.in_audit_context())
    ///         .await
    ///         .unwrap();
    /// })
    /// # );
    /// ```
    fn in_audit_context(self) -> Scope<Self> {
        scope(Context::current(), self)
    }
}

impl<F: Future> InContext for F {}

/// `tokio::spawn` in the context of the work in progress.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(future.in_audit_context())
}

/// `tokio::task::spawn_blocking` in the context of the work in progress.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn spawn_blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    tokio::task::spawn_blocking(carry(work))
}

/// This closure in the context of the work in progress now, on whatever thread it will run.
///
/// # Examples
///
/// ```
/// use audit_core::{Context, context};
///
/// context::sync_scope(Context::system("nightly-billing"), || {
///     let thread = std::thread::spawn(context::carry(|| Context::current().actor().is_some()));
///     assert!(thread.join().unwrap());
/// });
/// ```
#[must_use = "a closure does nothing until it is called"]
pub fn carry<R>(work: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let context = Context::current();
    move || sync_scope(context, work)
}
