//! What `#[audited]` promises of each call.

mod arguments;
mod calls;
mod shapes;
mod support;
