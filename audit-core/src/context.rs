//! Who is at work, from where, and for which request.
//!
//! A [`Context`] belongs to the work in progress: [`scope`] binds it to a future, [`sync_scope`] to a
//! closure, and every entry made inside takes it over. Scopes nest; the inner one replaces the outer
//! one whole, so build it from [`Context::current`] to add to it. A task that is spawned has a scope of
//! its own: hand it the context with [`InContext::in_audit_context`].
//!
//! Outside every scope the context is empty: entries are kept all the same, with the actor
//! `unattributed`, and counted.
//!
//! # Examples
//!
//! ```
//! use audit_core::{Actor, Context, context};
//!
//! let context = Context::new().with_actor(Actor::user("user_123")).with_request_id("req_9");
//! context::sync_scope(context, || {
//!     assert_eq!(Context::current().actor(), Some(&Actor::user("user_123")));
//! });
//! assert_eq!(Context::current().actor(), None);
//! ```

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Actor, Auditor};

tokio::task_local! {
    static CURRENT: Context;
}

/// Who is at work, from where, and for which request. Cloning costs one atomic increment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Context(Option<Arc<Fields>>);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Fields {
    pub(crate) actor: Option<Actor>,
    pub(crate) ip_address: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) tenant_id: Option<String>,
    pub(crate) on_behalf_of: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
    pub(crate) origin: Option<String>,
    #[serde(skip)]
    pub(crate) auditor: Option<Auditor>,
}

static EMPTY: Fields = Fields {
    actor: None,
    ip_address: None,
    user_agent: None,
    request_id: None,
    tenant_id: None,
    on_behalf_of: None,
    trace_id: None,
    span_id: None,
    origin: None,
    auditor: None,
};

macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident, $with:ident, $value:ty => $get:ty, $convert:ident;)*) => {
        impl Context {
            $($(#[$doc])*
            #[must_use]
            pub fn $field(&self) -> Option<&$get> {
                self.fields().$field.$convert()
            }

            #[doc = concat!("This context with another `", stringify!($field), "`.")]
            #[must_use]
            pub fn $with(mut self, value: impl Into<$value>) -> Self {
                self.fields_mut().$field = Some(value.into());
                self
            }
            )*
        }
    };
}

fields! {
    /// Who acts.
    actor, with_actor, Actor => Actor, as_ref;
    /// The client's address, already judged: it is stored as it stands here.
    ip_address, with_ip_address, IpAddr => IpAddr, as_ref;
    /// The client program's own words about itself.
    user_agent, with_user_agent, String => str, as_deref;
    /// The id that ties together everything done for one request.
    request_id, with_request_id, String => str, as_deref;
    /// The tenant on whose data the work is done.
    tenant_id, with_tenant_id, String => str, as_deref;
    /// The account that the actor impersonates.
    on_behalf_of, with_on_behalf_of, String => str, as_deref;
    /// The trace (W3C Trace Context, 32 hexadecimal digits).
    trace_id, with_trace_id, String => str, as_deref;
    /// The span within the trace (16 hexadecimal digits).
    span_id, with_span_id, String => str, as_deref;
    /// Where an entry comes from when it is no live call, an import say.
    origin, with_origin, String => str, as_deref;
    /// The auditor that records the work; without one, the global auditor does.
    auditor, with_auditor, Auditor => Auditor, as_ref;
}

impl Context {
    /// An empty context.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// The context of the work in progress; empty outside every scope.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Looks at the context of the work in progress, where there is one.
    pub(crate) fn look<R>(look: impl FnOnce(&Self) -> R) -> Option<R> {
        CURRENT.try_with(look).ok()
    }

    pub(crate) fn fields(&self) -> &Fields {
        self.0.as_deref().unwrap_or(&EMPTY)
    }

    /// A rough count of the bytes held.
    pub(crate) fn weight(&self) -> usize {
        let Some(fields) = self.0.as_deref() else { return 0 };
        let texts = [
            &fields.user_agent,
            &fields.request_id,
            &fields.tenant_id,
            &fields.on_behalf_of,
            &fields.trace_id,
            &fields.span_id,
            &fields.origin,
        ];
        let actor = fields.actor.as_ref().map_or(0, |actor| actor.id.len());
        size_of::<Fields>() + actor + texts.iter().copied().flatten().map(String::len).sum::<usize>()
    }

    fn fields_mut(&mut self) -> &mut Fields {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

/// Runs a future in a context. Each poll sees it; the task that polls is left as it was.
///
/// # Cancellation
///
/// Dropping the returned future drops `future`, inside the context, so that an audited call it
/// interrupts is recorded under the right actor.
pub async fn scope<F: Future>(context: Context, future: F) -> F::Output {
    CURRENT.scope(context, future).await
}

/// Runs a closure in a context.
pub fn sync_scope<R>(context: Context, work: impl FnOnce() -> R) -> R {
    CURRENT.sync_scope(context, work)
}

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
    /// context::scope(Context::new().with_actor(Actor::system("nightly-billing")), async {
    ///     tokio::spawn(async { assert!(Context::current().actor().is_some()) }.in_audit_context())
    ///         .await
    ///         .unwrap();
    /// })
    /// # );
    /// ```
    fn in_audit_context(self) -> impl Future<Output = Self::Output> {
        scope(Context::current(), self)
    }
}

impl<F: Future> InContext for F {}
