//! The end of a call that was told to the auditor.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::Error;
use crate::auditor::Pending;
use crate::writer::block_on;

/// The end of a call that was told to the auditor; of a durable call, the wait until its entry is kept. A wait in vain
/// is logged and counted: the function gives its value all the same.
#[derive(Debug)]
#[must_use = "a durable call ends when its entry is kept"]
pub struct Told(Option<Pending>);

impl Told {
    /// There is nothing to wait for.
    pub(super) const fn over() -> Self {
        Self(None)
    }

    /// The entry was sent, or not.
    pub(super) fn sent(pending: Result<Pending, Error>) -> Self {
        Self(pending.inspect_err(complain).ok())
    }

    pub(super) const fn is_over(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pending) = &mut self.0 {
            let kept = ready!(Pin::new(pending).poll(cx));
            let _ = kept.inspect_err(complain);
            self.0 = None;
        }
        Poll::Ready(())
    }

    /// Waits on this thread.
    pub fn wait(mut self) {
        if !self.is_over() {
            block_on(std::future::poll_fn(|cx| self.poll(cx)));
        }
    }
}

fn complain(error: &Error) {
    tracing::error!(%error, "an audited call returned, and its entry is not known to be durable");
}
