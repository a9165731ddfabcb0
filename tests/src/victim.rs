//! A program that records entries under load, to be killed.
//!
//! It writes the id of each entry that was acknowledged to a file, with one `write` after the acknowledgement, and ends
//! in order when its standard input does: so it never outlives the test that started it. [`Victim`] is the test's end;
//! [`Orders::obey`] what the program does.

mod acks;
mod calls;
mod orders;
mod process;
mod transactions;

pub use acks::Acks;
pub use orders::{Contract, Orders};
pub use process::{Ended, Victim};
