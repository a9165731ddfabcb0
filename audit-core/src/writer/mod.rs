//! The background writer: one named thread with a runtime and connections of its own.
//!
//! [`queue`] takes entries in and keeps the accounts; [`lane`] cuts them into batches and sees each into the store or, until
//! then, the journal; [`lander`] sends a batch again and again until the store has it; [`adopter`] lands what dead processes
//! left; [`sealer`] puts headers into the tree; [`thread`] runs them all. The application's runtime is never needed,
//! so the writer works in programs without one and outlives a dropped one.

mod adopter;
mod breaker;
mod clock;
mod condition;
mod drainer;
mod lander;
mod lane;
#[cfg(test)]
mod orders;
mod own_thread;
mod park;
mod pauses;
mod queue;
mod sealer;
mod session;
mod sync;
mod thread;
mod unwind;

pub(crate) use condition::{Condition, Trouble};
pub(crate) use drainer::{Drainer, Source};
pub(crate) use park::block_on;
pub(crate) use queue::{Acknowledgement, DropReason, Limits, NotKept, Place, Pressure, Queue};
pub(crate) use sealer::Sealing;
pub(crate) use session::Delivery;
pub(crate) use thread::{Finish, StartUp, Writer, spawn};
