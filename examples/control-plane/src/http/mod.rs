//! Requests, and what they come to. There is no audit in here but the layer that opens the context of each request, and the
//! middleware that says in it who calls.

mod authenticate;
mod keys;
mod projects;
mod readiness;
mod router;
mod secrets;
mod sessions;
mod users;

pub use authenticate::admins_alone;
pub use router::router;
