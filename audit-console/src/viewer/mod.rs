//! The log as web pages, for those who read it.
//!
//! [`router`] gives the pages to an application that serves them behind its own authentication, under whatever prefix;
//! `audit serve` serves them alone. They are made on the server, work without JavaScript, ask nobody else for anything
//! and change nothing: every request is a GET. The reader's role suffices.
//!
//! Whatever comes from the log is shown through [`render::escape`](crate::render::escape) and escaped again for HTML. Every answer
//! is bounded: a page has 50 entries, what stands beside it is counted for less than half a second and sent when it is, and an export holds one page in memory.
//!
//! A log that does not answer is told on the page, which works again once the log does.
//!
//! # Examples
//!
//! ```no_run
//! use audit_console::viewer::{self, Log};
//! use audit_core::store::{Schema, StoreError};
//! use axum::{Router, middleware::from_fn};
//! # use axum::{extract::Request, middleware::Next, response::Response};
//! # async fn auditors_alone(request: Request, next: Next) -> Response { next.run(request).await }
//!
//! /// `auditors_alone` is your own middleware. Without it, everybody reads the log.
//! async fn pages(url: &str) -> Result<Router, StoreError> {
//!     let log = Log::connect(url, &Schema::default()).await?;
//!     Ok(Router::new().nest("/audit", viewer::router(log)).layer(from_fn(auditors_alone)))
//! }
//! ```

mod asked;
mod assets;
pub(crate) mod auth;
mod beside;
mod detail;
mod export;
mod facets;
mod headers;
mod hex;
mod histogram;
mod integrity;
mod known;
mod log;
mod message;
mod numbers;
mod page;
mod router;
mod sentence;
pub(crate) mod server;
mod tail;
mod times;
mod viewed;

pub use log::Log;
pub use router::router;
