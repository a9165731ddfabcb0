//! What `#[audited]` promises of each call.

mod arguments;
mod calls;
mod disabled;
mod drops;
mod durability;
mod futures;
mod instrumented;
mod macros;
mod shapes;
mod support;
