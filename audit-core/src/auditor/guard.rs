//! The life of a writer.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{Auditor, Stats};
use crate::Error;
use crate::writer::{Finish, Queue, Writer, block_on};

/// Of lost entries, so many are named in the program's own log.
const SAID: usize = 10;

/// Keeps the writer alive. Shut it down when the last audited work is done; a guard that is merely dropped
/// shuts down too, blocking its thread for at most the builder's `drop_deadline`.
#[derive(Debug)]
#[must_use = "dropping the guard shuts the writer down; keep it until the program ends"]
pub struct WriterGuard {
    auditor: Auditor,
    queue: Arc<Queue>,
    /// Taken by the shutdown; a disabled auditor has none.
    writer: Option<Writer>,
    drop_deadline: Duration,
}

/// What a shutdown leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Entries that this writer stored, over its whole life.
    pub stored: u64,
    /// Entries that wait in the journal, for the next process to store.
    pub journaled: u64,
    /// Entries that are gone: the deadline left them neither stored nor in the journal, or the journal could not give them
    /// back. A batch whose answer was still out counts as lost, though the store may have it.
    pub lost: u64,
    /// The ids of the lost entries, of the first 10,000: those that a lane had taken, then those in the queue. Of what the journal
    /// could not give back no id is known; in the log, `lost` headers stand in the place of its batches.
    pub lost_ids: Vec<Uuid>,
    /// The final accounts; what was lost is among the dropped.
    pub stats: Stats,
}

impl WriterGuard {
    pub(super) const fn new(
        auditor: Auditor,
        queue: Arc<Queue>,
        writer: Option<Writer>,
        drop_deadline: Duration,
    ) -> Self {
        Self { auditor, queue, writer, drop_deadline }
    }

    /// The auditor that feeds this writer.
    #[must_use]
    pub const fn auditor(&self) -> &Auditor {
        &self.auditor
    }

    /// The accounts, all of one instant.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.auditor.stats()
    }

    /// Waits until every entry recorded before now is in the store.
    ///
    /// # Errors
    ///
    /// [`Error::NotFlushed`] when that was not so by the deadline; the entries go on waiting. On a writer's own thread (in a
    /// `tracing` layer, say) nothing is waited for.
    pub async fn flush(&self, deadline: Duration) -> Result<(), Error> {
        self.queue.flush(deadline).await.map_err(|waiting| Error::NotFlushed { waiting, deadline })
    }

    /// [`Self::flush`] for code without async.
    ///
    /// # Errors
    ///
    /// As [`Self::flush`].
    pub fn flush_blocking(&self, deadline: Duration) -> Result<(), Error> {
        block_on(self.flush(deadline))
    }

    /// Begins no more calls, writes the entries there are, and ends the writer: at the deadline, if need be. What is not stored
    /// by then goes to the journal, where there is one, for which two more seconds are given. A call in progress is recorded
    /// if it ends before the last entries are written; otherwise its entry counts as dropped.
    ///
    /// Call it where the program reacts to SIGTERM. `std::process::exit` runs no destructors: shut down before it.
    ///
    /// # Cancellation
    ///
    /// The writer goes on towards its deadline by itself.
    pub async fn shutdown(mut self, deadline: Duration) -> ShutdownReport {
        self.finish(Finish::StoringBy(deadline)).await
    }

    /// [`Self::shutdown`] for code without async.
    #[must_use = "the report tells what was not written"]
    pub fn shutdown_blocking(self, deadline: Duration) -> ShutdownReport {
        block_on(self.shutdown(deadline))
    }

    async fn finish(&mut self, finish: Finish) -> ShutdownReport {
        self.queue.drain();
        if let Some(writer) = self.writer.take() {
            if self.queue.is_forked() {
                writer.leave();
            } else {
                writer.finish(finish).await;
            }
        }
        let stats = self.stats();
        let report = ShutdownReport {
            stored: stats.stored,
            journaled: stats.journaled,
            lost: self.queue.lost(),
            lost_ids: self.queue.lost_ids(),
            stats,
        };
        if report.journaled > 0 {
            tracing::warn!(
                journaled = report.journaled,
                last_error = report.stats.last_error,
                "audit entries wait in the journal for the next process"
            );
        }
        if report.lost > 0 {
            tracing::error!(
                lost = report.lost,
                ids = ?&report.lost_ids[..report.lost_ids.len().min(SAID)],
                last_error = report.stats.last_error,
                "audit entries were not written before the shutdown's deadline; the report names them"
            );
        }
        report
    }
}

impl Drop for WriterGuard {
    fn drop(&mut self) {
        if self.writer.is_some() {
            block_on(self.finish(Finish::AllBy(self.drop_deadline)));
        }
    }
}
