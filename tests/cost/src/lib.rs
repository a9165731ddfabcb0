//! What an annotated function costs: to call (time, instructions, allocations), and to compile.
//!
//! Everything is held against the poor man's audit log: `#[tracing::instrument]` with the same fields, whose
//! span-close events are written as JSON by `tracing_appender::non_blocking`.

pub mod bursts;
pub mod calls;
pub mod instructions;
pub mod memory;
pub mod poor_man;
