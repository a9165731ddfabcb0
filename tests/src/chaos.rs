//! Faults at random, from a seed, while a victim records without pause; then the oracle.
//!
//! Every disturbance is undone before the next begins, and what a killed victim left behind is adopted by its successor. The
//! same seed gives the same disturbances in the same order; what they meet depends on the machine.

mod damage;
mod disturbance;
mod run;
mod trouble;

pub use run::{Options, run};
