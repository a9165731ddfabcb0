//! The layer, and what it knows of a request before anybody is authenticated.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use tower_layer::Layer;

use super::request::{Headers, open};
use super::{ContextService, Routes, TrustedProxies};
use crate::Context;
use crate::store::BoxFuture;

/// Opens a context for each request, and gives the request's id back in its response. See [`http`](crate::http).
///
/// * The id is that of `x-request-id` if that stands there once and is well formed: 1 to 128 of the ASCII letters, digits and
///   `-_.:/+=`. Otherwise it is a new UUIDv7. The response has it in the same header.
/// * The client's address is the peer's, or what [trusted proxies](Self::trust) vouch for.
/// * The user agent is the header's text.
/// * Trace and span are those of a valid `traceparent`.
///
/// The context is there while the request is handled, while the body of the response is written, and also when either is
/// dropped because the client has gone.
///
/// # Examples
///
/// Inside of authentication, which has left a `Session` in the request's extensions:
///
/// ```
/// use audit_core::{Actor, http::ContextLayer};
///
/// #[derive(Clone)]
/// struct Session { user: String, tenant: String, impersonates: Option<String> }
///
/// let layer = ContextLayer::new().identify(|request, context| {
///     let Some(session) = request.extensions.get::<Session>() else { return context };
///     let context = context.with_actor(Actor::user(&session.user)).with_tenant_id(&session.tenant);
///     match &session.impersonates {
///         Some(user) => context.with_on_behalf_of(user),
///         None => context,
///     }
/// });
/// ```
#[derive(Debug, Clone, Default)]
pub struct ContextLayer {
    pub(super) settings: Settings,
}

#[derive(Clone, Default)]
pub(super) struct Settings {
    proxies: Arc<TrustedProxies>,
    peer: Option<Arc<Peer>>,
    pub(super) identify: Option<Identify>,
    pub(super) routes: Routes,
}

/// Finds the address of whoever is connected.
type Peer = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;

/// Completes the context of a request.
type Identifying<R> = dyn Fn(&Parts, Context) -> R + Send + Sync;

/// The application's own extractor.
#[derive(Clone)]
pub(super) enum Identify {
    Now(Arc<Identifying<Context>>),
    Later(Arc<Identifying<BoxFuture<'static, Context>>>),
}

impl ContextLayer {
    /// A layer that trusts nobody, and knows no actor.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The proxies whose word about the client's address is believed; nobody's unless said.
    #[must_use]
    pub fn trust(mut self, proxies: TrustedProxies) -> Self {
        self.settings.proxies = Arc::new(proxies);
        self
    }

    /// How the address of whoever is connected is found. Unless said, it is a `SocketAddr` in the request's extensions, or,
    /// with the feature `axum`, a `ConnectInfo<SocketAddr>`. In tonic, say that it is the `remote_addr` of the extension
    /// `TcpConnectInfo`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::IpAddr;
    /// use audit_core::http::ContextLayer;
    ///
    /// #[derive(Clone)]
    /// struct Connection { remote: IpAddr }
    ///
    /// let layer = ContextLayer::new().peer(|request| Some(request.extensions.get::<Connection>()?.remote));
    /// ```
    #[must_use]
    pub fn peer(mut self, peer: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.settings.peer = Some(Arc::new(peer));
        self
    }

    /// Records each request that fits one of these routes, for services that begin without annotations. Leave out what is annotated: it
    /// would be recorded twice.
    ///
    /// The outcome is that of the response: 401 and 403 are denied, other 4xx and 5xx failures. A success ends with the body of the
    /// response; where that, or the handler, is dropped before its end, the request is cancelled. (Of gRPC, the status that trailers tell
    /// is not looked at.) The context is that at the end, with whatever was said of it meanwhile
    /// ([`context::update`](crate::context::update)). The path is the one that the layer sees: inside of axum's `nest`, that is without
    /// the prefix.
    ///
    /// # Examples
    ///
    /// ```
    /// use audit_core::{AuditAction, http::{ContextLayer, Routes}};
    ///
    /// let routes = Routes::of::<AuditAction>("DELETE /projects/{project} project.deleted project")?;
    /// let layer = ContextLayer::new().record(routes);
    /// # drop(layer);
    /// # Ok::<(), audit_core::http::RoutesError>(())
    /// ```
    #[must_use]
    pub fn record(mut self, routes: Routes) -> Self {
        self.settings.routes = routes;
        self
    }

    /// Completes the context from the request: actor, tenant, impersonator. What authentication leaves in the request must be there
    /// by then, so the layer is inside of it.
    #[must_use]
    pub fn identify(mut self, identify: impl Fn(&Parts, Context) -> Context + Send + Sync + 'static) -> Self {
        self.settings.identify = Some(Identify::Now(Arc::new(identify)));
        self
    }

    /// [`Self::identify`] for what takes a look elsewhere, into a table of sessions say. Take what the future needs out of
    /// the request first: it does not borrow it.
    ///
    /// # Examples
    ///
    /// ```
    /// use audit_core::{Actor, http::ContextLayer};
    ///
    /// # async fn look_up(token: Option<String>) -> Option<String> { token }
    /// let layer = ContextLayer::new().identify_later(|request, context| {
    ///     let token = request.extensions.get::<String>().cloned();
    ///     async move {
    ///         match look_up(token).await {
    ///             Some(user) => context.with_actor(Actor::user(user)),
    ///             None => context,
    ///         }
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn identify_later<F>(mut self, identify: impl Fn(&Parts, Context) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Context> + Send + 'static,
    {
        let boxed =
            move |request: &Parts, context| -> BoxFuture<'static, Context> { Box::pin(identify(request, context)) };
        self.settings.identify = Some(Identify::Later(Arc::new(boxed)));
        self
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService::new(inner, self.settings.clone())
    }
}

impl Settings {
    /// What the request says of itself.
    pub(super) fn open(&self, request: &Parts) -> Context {
        open(&request.headers, self.peer_of(request), &self.proxies)
    }

    fn peer_of(&self, request: &Parts) -> Option<IpAddr> {
        if let Some(peer) = &self.peer {
            return peer(request);
        }
        #[cfg(feature = "axum")]
        if let Some(axum::extract::ConnectInfo(peer)) =
            request.extensions.get::<axum::extract::ConnectInfo<SocketAddr>>()
        {
            return Some(peer.ip());
        }
        request.extensions.get::<SocketAddr>().map(SocketAddr::ip)
    }
}

impl Headers for HeaderMap {
    fn values<'a>(&'a self, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.get_all(name).into_iter().map(HeaderValue::as_bytes)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}
