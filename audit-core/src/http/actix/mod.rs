//! The same for actix-web.

mod middleware;
mod service;

pub use middleware::ContextMiddleware;
pub use service::{ActixContextService, ActixResponseFuture};
