//! Where the context of the work in progress is kept.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Poll};

use pin_project_lite::pin_project;

use super::Context;

thread_local! {
    /// That of the innermost scope on this thread.
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// Runs a future in a context. Each poll sees it; the task that polls is left as it was.
///
/// # Cancellation
///
/// Dropping the returned future drops `future`, inside the context, so that an audited call it
/// interrupts is recorded under the right actor.
pub fn scope<F: Future>(context: Context, future: F) -> Scope<F> {
    Scope { future: Some(future), context: heard(context) }
}

/// The same for a future that is made in the context, too.
#[cfg(any(feature = "tower", feature = "actix-web"))]
pub(crate) fn scope_of<F>(context: Context, make: impl FnOnce() -> F) -> Scope<F> {
    let mut context = heard(context);
    let future = Some(enter(&mut context, make));
    Scope { future, context }
}

/// Runs a closure in a context.
pub fn sync_scope<R>(context: Context, work: impl FnOnce() -> R) -> R {
    enter(&mut heard(context), work)
}

/// Adds to the context of the innermost scope what became known inside it. Entries made from now on take it over; so do
/// scopes and tasks that begin from now on.
///
/// This is for whoever authenticates: a middleware, or an extractor. Outside every scope it changes nothing, and a
/// warning says so once, because it would change the context of whatever this thread does next.
///
/// # Examples
///
/// ```
/// use audit_core::{Actor, Context, context};
///
/// fn authenticate(token: &str) {
///     // … the token is that of user_123 …
///     context::update(|context| context.with_actor(Actor::user("user_123")).with_tenant_id("acme"));
/// }
///
/// context::sync_scope(Context::new().with_request_id("req_9"), || {
///     authenticate("…");
///     assert_eq!(Context::current().tenant_id(), Some("acme"));
///     assert_eq!(Context::current().request_id(), Some("req_9"));
/// });
/// ```
pub fn update(change: impl FnOnce(Context) -> Context) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if let Some(context) = look(Clone::clone) {
        // Neither the change nor the end of what was there before happens while the context is borrowed.
        drop(replace(Some(change(context))));
    } else if !SAID.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "`audit_core::context::update` outside of every scope changes nothing; open one first \
             (`audit_core::http::ContextLayer`, `audit_core::context::scope`). Said once"
        );
    }
}

pin_project! {
    /// A future in a context: see [`scope`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        // None once it has ended.
        #[pin]
        future: Option<F>,
        context: Context,
    }

    impl<F> PinnedDrop for Scope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                enter(this.context, || this.future.set(None));
            }
        }
    }
}

impl<F> Scope<F> {
    /// The context, as it was left by what ran in it.
    #[cfg(any(feature = "tower", feature = "actix-web"))]
    pub(crate) const fn context(&self) -> &Context {
        &self.context
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        enter(this.context, || {
            let future = this.future.as_mut().as_pin_mut();
            let polled = future.expect("a future is not polled again after it has given its value").poll(cx);
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        })
    }
}

/// Runs `work` in the context, which is then as `work` left it.
pub(crate) fn enter<R>(context: &mut Context, work: impl FnOnce() -> R) -> R {
    let outer = replace(Some(std::mem::take(context)));
    let _entered = Entered { context, outer };
    work()
}

/// Puts the outer context back, also when the work panics.
struct Entered<'a> {
    context: &'a mut Context,
    outer: Option<Context>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *self.context = replace(self.outer.take()).unwrap_or_default();
    }
}

/// Looks at the context of the innermost scope.
pub(super) fn look<R>(look: impl FnOnce(&Context) -> R) -> Option<R> {
    CURRENT.try_with(|current| current.borrow().as_ref().map(look)).ok().flatten()
}

/// Changes the context of the innermost scope, and gives back what it was. On a thread whose locals are gone already there is none.
pub(crate) fn replace(context: Option<Context>) -> Option<Context> {
    CURRENT.try_with(|current| current.replace(context)).ok().flatten()
}

/// The context with the auditor of the scope around it, if it names none of its own.
fn heard(context: Context) -> Context {
    if context.auditor().is_some() {
        return context;
    }
    match look(|outer| outer.auditor().cloned()).flatten() {
        Some(auditor) => context.with_auditor(auditor),
        None => context,
    }
}
