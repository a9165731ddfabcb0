//! While the store is away, one knocks and the others wait.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// Shared by all who connect to one store. It opens when a connection fails; then one of them at a time probes, with
/// pauses, and the others wait for it instead of hammering.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    is_open: AtomicBool,
    probing: Mutex<()>,
}

/// The right to probe. Dropped, it goes to the next who waits.
pub(super) struct Probe<'a> {
    breaker: &'a Breaker,
    _turn: MutexGuard<'a, ()>,
}

impl Breaker {
    /// Whether the store is away.
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// The store could not be reached.
    pub(super) fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// Waits while somebody else probes. Gives the right to probe, or nothing where the store is there.
    pub(super) async fn probe(&self) -> Option<Probe<'_>> {
        if !self.is_open() {
            return None;
        }
        let turn = self.probing.lock().await;
        self.is_open().then_some(Probe { breaker: self, _turn: turn })
    }
}

impl Probe<'_> {
    /// The store is there.
    pub(super) fn succeeded(self) {
        self.breaker.is_open.store(false, Ordering::Relaxed);
    }
}
