//! What a durable caller waits for.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// Why an entry is not known to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotKept {
    /// It was neither stored nor in the journal by the caller's deadline. It goes on waiting, and may be stored yet.
    Late,
    /// The writer ended before it had an answer.
    Lost,
    /// The caller is on the thread that would have to store it, and must not wait.
    NobodyElse,
}

/// Tells when an entry that was queued is kept: stored, among the dead letters, or in the journal.
///
/// Dropped, it cancels nothing: the entry is in the queue.
#[derive(Debug)]
#[must_use = "an entry is not known to be kept before it was waited for"]
pub(crate) struct Acknowledgement {
    pub(super) answer: oneshot::Receiver<Result<(), NotKept>>,
}

impl Future for Acknowledgement {
    type Output = Result<(), NotKept>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| answer.unwrap_or(Err(NotKept::Lost)))
    }
}
