//! The background writer: one named thread with a runtime and connections of its own.
//!
//! [`queue`] takes entries in and keeps the accounts; [`lane`] cuts them into batches and lands each, again
//! and again until the store has it; [`thread`] runs the lanes. The application's runtime is never needed,
//! so the writer works in programs without one and outlives a dropped one.

mod clock;
mod drainer;
mod lane;
mod park;
mod queue;
mod thread;

pub(crate) use drainer::{Drainer, Source};
pub(crate) use lane::Delivery;
pub(crate) use park::block_on;
pub(crate) use queue::{Acknowledgement, DropReason, Limits, NotKept, Place, Queue};
pub(crate) use thread::{StartUp, Writer, spawn};
