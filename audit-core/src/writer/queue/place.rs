//! The right to queue one entry, and the wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::state::{Phase, State};
use super::{Acknowledgement, DropReason, Queue};
use crate::Entry;
use crate::writer::sync::MutexGuard;

/// A place for one entry. Dropped unfilled, it goes back.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) queue: Arc<Queue>,
    pub(super) filled: bool,
}

impl Place {
    /// Queues the entry, without waiting.
    pub(crate) fn fill(mut self, entry: Entry) -> Result<(), DropReason> {
        self.filled = true;
        let state = self.enter()?;
        self.queue.push(state, entry);
        Ok(())
    }

    /// [`Self::fill`], and tells when the entry is kept; the wait for that ends after `patience`.
    pub(crate) fn fill_durably(mut self, entry: Entry, patience: Duration) -> Result<Acknowledgement, DropReason> {
        self.filled = true;
        let state = self.enter()?;
        Ok(self.queue.push_durably(state, entry, patience))
    }

    fn enter(&self) -> Result<MutexGuard<'_, State>, DropReason> {
        let mut state = self.queue.state();
        state.give_back(1);
        state.stats.emitted += 1;
        if matches!(state.phase, Phase::Closed | Phase::Forked) {
            return Err(state.refuse());
        }
        Ok(state)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.filled {
            self.queue.release();
        }
    }
}

/// A caller's turn to come. Dropped early, a place that was granted meanwhile goes back.
pub(super) struct Turn<'a> {
    pub(super) queue: &'a Queue,
    pub(super) granted: Option<oneshot::Receiver<()>>,
}

impl Turn<'_> {
    pub(super) async fn wait(&mut self) -> Result<(), DropReason> {
        let granted = self.granted.as_mut().expect("a turn is waited for once");
        let answer = granted.await;
        self.granted = None;
        answer.map_err(|_| self.queue.refusal())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(mut granted) = self.granted.take() {
            granted.close();
            if granted.try_recv().is_ok() {
                self.queue.release();
            }
        }
    }
}
