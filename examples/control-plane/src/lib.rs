//! A control plane, audited: projects, their API keys and secrets, and the people who work with them.
//!
//! Read it from the inside out. [`projects`], [`keys`], [`secrets`], [`users`] and [`sessions`] do the work, and each function
//! that changes something, or reads a secret, carries one `#[audited]`. [`http`] maps requests to them, [`jobs`] calls them
//! without any request. [`audit`] names the actions and starts the writer, [`serve`] holds it all together and takes
//! it down in order.

pub mod app;
pub mod audit;
pub mod caller;
pub mod config;
pub mod database;
pub mod error;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod projects;
pub mod secrets;
pub mod serve;
pub mod sessions;
pub mod token;
pub mod users;

pub use error::Error;
