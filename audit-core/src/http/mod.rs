//! The context of a request: one layer for axum, tonic and hyper (feature `tower`), one middleware for actix-web (feature
//! `actix-web`).
//!
//! `ContextLayer`, or `ContextMiddleware`, opens a context for each request: its id, the client's address and user agent, and the trace that it belongs
//! to (`traceparent`, W3C Trace Context). Who is at work is known after authentication, in one of two ways:
//!
//! * The layer is outside of authentication, and whoever authenticates (a middleware, or an extractor) completes the context with
//!   [`context::update`](crate::context::update). Refused requests have a context, too.
//! * The layer is inside of authentication, and `identify` reads what that left in the request.
//!
//! A service without annotations may begin with a table of routes: [`Routes`].
//!
//! In axum and actix-web, a layer that is added later is further outside.
//!
//! Only who is connected is known for sure; everything else in a request is what somebody wrote there. So by default nobody is
//! trusted, and the client's address is the peer's. Behind proxies, name them: [`TrustedProxies`].
//!
//! # Examples
//!
//! With axum:
//!
//! ```no_run
//! # #[cfg(all(feature = "axum", feature = "tower"))] {
//! use std::net::SocketAddr;
//! use audit_core::{Actor, context, http::{ContextLayer, TrustedProxies}};
//! use axum::{Router, extract::Request, middleware::{Next, from_fn}, response::Response, routing::get};
//!
//! async fn authenticate(request: Request, next: Next) -> Response {
//!     // … the session is that of user_123 …
//!     context::update(|context| context.with_actor(Actor::user("user_123")));
//!     next.run(request).await
//! }
//!
//! # fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .layer(from_fn(authenticate))
//!     .layer(ContextLayer::new().trust("10.0.0.0/8, 2001:db8::/32".parse::<TrustedProxies>()?));
//! // The peer's address is known of a service that was made in this way.
//! let service = app.into_make_service_with_connect_info::<SocketAddr>();
//! # drop(service); Ok(()) }
//! # }
//! ```

#[cfg(feature = "actix-web")]
mod actix;
mod body;
mod client;
mod hops;
#[cfg(feature = "tower")]
mod layer;
mod request;
mod request_id;
mod routes;
#[cfg(feature = "tower")]
mod service;
mod trace_parent;
mod trusted;
mod watch;
mod watched;

#[cfg(feature = "actix-web")]
pub use actix::{ActixContextService, ActixResponseFuture, ContextMiddleware};
pub use body::ContextBody;
pub use client::client_address;
#[cfg(feature = "tower")]
pub use layer::ContextLayer;
pub use routes::{Routes, RoutesError};
#[cfg(feature = "tower")]
pub use service::{ContextService, ResponseFuture};
pub use trusted::{ProxyHeader, TrustedProxies, TrustedProxiesError};
