//! Which process the writer lives in.
//!
//! A forked child has a copy of the queue, and no writer: what it queued would wait for ever, and a lock that another
//! thread held at the fork is never released. A child is known by its process id, and asking for that is a system call, so
//! callers ask at most every [`LOOK_AGAIN`]; whoever is about to wait asks always.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a caller believes the last look: as long as a fork takes, or hardly longer. What a child records within this
/// time of its parent's last look goes into its copy of the queue, uncounted, and is lost like the rest of that copy.
const LOOK_AGAIN: Duration = Duration::from_micros(50);

/// The process that has the writer.
#[derive(Debug)]
pub(super) struct Owner {
    process: u32,
    since: Instant,
    /// When a caller last looked, in ns.
    looked: AtomicU64,
}

impl Owner {
    /// This process.
    pub(super) fn here() -> Self {
        Self { process: process::id(), since: Instant::now(), looked: AtomicU64::new(0) }
    }

    /// Whether this is another process.
    pub(super) fn is_elsewhere(&self) -> bool {
        process::id() != self.process
    }

    /// [`Self::is_elsewhere`], unless somebody has looked a moment ago.
    pub(super) fn seems_elsewhere(&self) -> bool {
        let now = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let looked = self.looked.load(Ordering::Relaxed);
        if u128::from(now.saturating_sub(looked)) < LOOK_AGAIN.as_nanos() {
            return false;
        }
        self.looked.store(now, Ordering::Relaxed);
        self.is_elsewhere()
    }
}
