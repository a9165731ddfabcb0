//! What every fault test ends with: whether the log kept what was promised.
//!
//! - every entry that was acknowledged is stored, or among the dead letters;
//! - no entry is there twice;
//! - the batches of a stream are numbered and chained without a gap, and each has the rows that its header counts;
//! - of each call that ended or was announced there is the entry that was promised, and never a second one;
//! - what is missing is what `lost` headers and `audit.gap` entries say is missing;
//! - where it is known which records of journals were damaged, nothing is missing but their entries, and that is told once of each;
//! - every hash, computed again, is the one that was written;
//! - the accounts of the writers that could still be asked balance.
//!
//! [`Log::read`] reads all of a log, [`Log::judge`] compares. The [`Verdict`] prints as a table for people.

mod calls;
mod damage;
mod judge;
mod log;
mod verdict;

pub use calls::Calls;
pub use log::{Gap, Header, Log, LogRow};
pub use verdict::Verdict;
