//! Who is at work, from where, and for which request.
//!
//! A [`Context`] belongs to the work in progress: [`scope`] binds it to a future, [`sync_scope`] to a
//! closure, and every entry made inside takes it over. Scopes nest: the inner context replaces the outer one
//! whole, so build it from [`Context::current`] to add to it. Only where it names no auditor, the outer one's records on.
//! What becomes known later, who was authenticated say, [`update`] adds to the context of the scope.
//!
//! | work | in the context |
//! |---|---|
//! | a request | the layers of `audit_core::http` (features `tower`, `actix-web`) |
//! | a spawned task | [`spawn`], or [`in_audit_context`](InContext::in_audit_context) before spawning it in another way |
//! | a blocking task | [`spawn_blocking`] |
//! | a thread, a task of rayon | [`carry`]: `std::thread::spawn(context::carry(|| …))`, `rayon::spawn(context::carry(|| …))` |
//! | parts of one computation | `let context = Context::current();`, then `context::sync_scope(context.clone(), || …)` in each |
//! | a job in a queue | `Context` is in its payload (serde), and [`scope`] is around the work |
//! | a job of the system itself | `context::scope(Context::system("nightly-sweep"), …)` |
//!
//! Outside every scope the context is empty: entries are kept all the same, with the actor
//! `unattributed`, counted ([`Stats::unattributed`](crate::Stats)) and found by `actor:system/unattributed`;
//! [`Builder::require_actor`](crate::Builder::require_actor) makes that an error wherever the caller can still be told.
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
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::entry::identify;
use crate::{Actor, Auditor};

mod carry;
mod scope;

pub use carry::{InContext, carry, spawn, spawn_blocking};
#[cfg(feature = "testing")]
pub(crate) use scope::replace;
pub use scope::{Scope, scope, sync_scope, update};
#[cfg(any(feature = "tower", feature = "actix-web"))]
pub(crate) use scope::{enter, scope_of};

/// Who is at work, from where, and for which request. Cloning costs one atomic increment.
///
/// It serialises, without its auditor, to an object of the fields that are known, so that a job that is queued now and
/// done elsewhere is recorded as the work of whoever queued it:
///
/// ```
/// use audit_core::{Actor, Context};
///
/// let context = Context::new().with_actor(Actor::user("user_123")).with_request_id("req_9");
/// let payload = serde_json::to_string(&context)?;
/// assert_eq!(payload, r#"{"actor":{"actor_type":"user","id":"user_123"},"request_id":"req_9"}"#);
/// assert_eq!(serde_json::from_str::<Context>(&payload)?.request_id(), Some("req_9"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Context(Option<Arc<Fields>>);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ip_address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_behalf_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) span_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
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

    #[cfg(any(feature = "tower", feature = "actix-web"))]
    pub(crate) fn of(fields: Fields) -> Self {
        Self(Some(Arc::new(fields)))
    }

    /// The context of what the system does by itself, named after the part of it that acts.
    #[must_use]
    pub fn system(name: impl Into<String>) -> Self {
        Self::new().with_actor(Actor::system(name))
    }

    /// The context of the work in progress; empty outside every scope.
    #[must_use]
    pub fn current() -> Self {
        Self::look(Clone::clone).unwrap_or_default()
    }

    /// Looks at the context of the work in progress, where there is one. What looks must not enter or update it.
    pub(crate) fn look<R>(look: impl FnOnce(&Self) -> R) -> Option<R> {
        scope::look(look)
    }

    pub(crate) fn fields(&self) -> &Fields {
        self.0.as_deref().unwrap_or(&EMPTY)
    }

    /// The id and the time of what happens now; a test that listens has a clock of its own.
    #[cfg_attr(not(feature = "testing"), expect(clippy::unused_self, reason = "only a test has a clock of its own"))]
    pub(crate) fn identify(&self, now: SystemTime) -> (Uuid, DateTime<Utc>) {
        #[cfg(feature = "testing")]
        if let Some(captured) = self.auditor().and_then(Auditor::captured) {
            return captured.identify(None);
        }
        identify(now)
    }

    /// The id of a request that came now without one; a test that listens counts them.
    #[cfg(any(feature = "tower", feature = "actix-web"))]
    pub(crate) fn identify_request(now: SystemTime) -> Uuid {
        #[cfg(feature = "testing")]
        {
            let look =
                |context: &Self| context.auditor().and_then(Auditor::captured).map(|test| test.identify_request());
            if let Some(id) = Self::look(look).flatten() {
                return id;
            }
        }
        identify(now).0
    }

    /// The id of what happened at a time that was said.
    #[cfg_attr(not(feature = "testing"), expect(clippy::unused_self, reason = "only a test has a clock of its own"))]
    pub(crate) fn identify_at(&self, at: SystemTime) -> (Uuid, DateTime<Utc>) {
        #[cfg(feature = "testing")]
        if let Some(captured) = self.auditor().and_then(Auditor::captured) {
            return captured.identify(Some(at));
        }
        identify(at)
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
