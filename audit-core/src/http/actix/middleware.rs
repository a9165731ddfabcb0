//! The middleware, and how it is set up.

use std::fmt;
use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{HeaderMap, HeaderValue};
use http::HeaderName;

use super::ActixContextService;
use super::service::LocalFuture;
use crate::Context;
use crate::http::request::{Headers, open};
use crate::http::{ContextBody, Routes, TrustedProxies};

/// Opens a context for each request of actix-web, and gives the request's id back in its response: what `ContextLayer` does for
/// axum, in the same words. Needs the feature `actix-web`.
///
/// * The id is that of `x-request-id` if that stands there once and is well formed: 1 to 128 of the ASCII letters, digits and
///   `-_.:/+=`. Otherwise it is a new UUIDv7. The response has it in the same header. (An error that a middleware inside of this one
///   gives instead of a response leaves without it.)
/// * The client's address is the peer's, or what [trusted proxies](Self::trust) vouch for.
/// * The user agent is the header's text.
/// * Trace and span are those of a valid `traceparent`.
///
/// The context is there while the request is handled, while the body of the response is written, and also when either is
/// dropped because the client has gone.
///
/// In actix-web, what is wrapped later is further outside. Wrap this last, and let whoever authenticates complete the context with
/// [`context::update`](crate::context::update); or wrap it inside of authentication, and [`identify`](Self::identify).
///
/// # Examples
///
/// ```
/// use actix_web::{App, dev::ServiceResponse, middleware::from_fn, web};
/// use audit_core::{Actor, context, http::ContextMiddleware};
/// # use actix_web::{Error, body::MessageBody, dev::ServiceRequest, middleware::Next};
///
/// async fn authenticate(
///     request: ServiceRequest,
///     next: Next<impl MessageBody>,
/// ) -> Result<ServiceResponse<impl MessageBody>, Error> {
///     // … the session is that of user_123 …
///     context::update(|context| context.with_actor(Actor::user("user_123")));
///     next.call(request).await
/// }
///
/// let app = App::new()
///     .route("/", web::get().to(|| async { "hello" }))
///     .wrap(from_fn(authenticate))
///     .wrap(ContextMiddleware::new().trust("10.0.0.0/8".parse()?));
/// # drop(app);
/// # Ok::<(), audit_core::http::TrustedProxiesError>(())
/// ```
#[derive(Clone, Default)]
pub struct ContextMiddleware {
    proxies: Arc<TrustedProxies>,
    peer: Option<Arc<Peer>>,
    pub(super) identify: Option<Identify>,
    pub(super) routes: Routes,
}

/// Finds the address of whoever is connected.
type Peer = dyn Fn(&ServiceRequest) -> Option<IpAddr> + Send + Sync;

/// Completes the context of a request.
type Identifying<R> = dyn Fn(&ServiceRequest, Context) -> R + Send + Sync;

/// The application's own extractor.
#[derive(Clone)]
pub(super) enum Identify {
    Now(Arc<Identifying<Context>>),
    Later(Arc<Identifying<LocalFuture<Context>>>),
}

impl ContextMiddleware {
    /// A middleware that trusts nobody, and knows no actor.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The proxies whose word about the client's address is believed; nobody's unless said.
    #[must_use]
    pub fn trust(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = Arc::new(proxies);
        self
    }

    /// How the address of whoever is connected is found. Unless said, it is the request's `peer_addr`.
    #[must_use]
    pub fn peer(mut self, peer: impl Fn(&ServiceRequest) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.peer = Some(Arc::new(peer));
        self
    }

    /// Records each request that fits one of these routes, for services that begin without annotations. Leave out what is annotated: it
    /// would be recorded twice.
    ///
    /// The outcome is that of the response: 401 and 403 are denied, other 4xx and 5xx failures, as is an error that an inner middleware gives
    /// instead. A success ends with the body of the response; where that, or the handler, is dropped before its end, the request is
    /// cancelled. The context is that at the end, with whatever was said of it meanwhile
    /// ([`context::update`](crate::context::update)).
    #[must_use]
    pub fn record(mut self, routes: Routes) -> Self {
        self.routes = routes;
        self
    }

    /// Completes the context from the request: actor, tenant, impersonator. What authentication leaves in the request must be there
    /// by then, so this middleware is inside of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_web::HttpMessage as _;
    /// use audit_core::{Actor, http::ContextMiddleware};
    ///
    /// struct Session { user: String }
    ///
    /// let middleware = ContextMiddleware::new().identify(|request, context| {
    ///     match request.extensions().get::<Session>() {
    ///         Some(session) => context.with_actor(Actor::user(&session.user)),
    ///         None => context,
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn identify(mut self, identify: impl Fn(&ServiceRequest, Context) -> Context + Send + Sync + 'static) -> Self {
        self.identify = Some(Identify::Now(Arc::new(identify)));
        self
    }

    /// [`Self::identify`] for what takes a look elsewhere, into a table of sessions say. Take what the future needs out of
    /// the request first: it does not borrow it.
    #[must_use]
    pub fn identify_later<F>(mut self, identify: impl Fn(&ServiceRequest, Context) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Context> + 'static,
    {
        let boxed =
            move |request: &ServiceRequest, context| -> LocalFuture<Context> { Box::pin(identify(request, context)) };
        self.identify = Some(Identify::Later(Arc::new(boxed)));
        self
    }

    /// What the request says of itself.
    pub(super) fn open(&self, request: &ServiceRequest) -> Context {
        let peer = match &self.peer {
            Some(peer) => peer(request),
            None => request.peer_addr().as_ref().map(SocketAddr::ip),
        };
        open(request.headers(), peer, &self.proxies)
    }
}

impl<S, B> Transform<S, ServiceRequest> for ContextMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody,
{
    type Response = ServiceResponse<ContextBody<B>>;
    type Error = Error;
    type Transform = ActixContextService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(ActixContextService::new(service, self.clone())))
    }
}

impl Headers for HeaderMap {
    fn values<'a>(&'a self, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.get_all(name.as_str()).map(HeaderValue::as_bytes)
    }
}

impl fmt::Debug for ContextMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextMiddleware").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}
