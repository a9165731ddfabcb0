//! What `#[audited]` promises of each call.

mod arguments;
mod calls;
mod futures;
mod macros;
mod shapes;
mod support;
