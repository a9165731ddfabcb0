//! Seals the log, as long as the queue is open, and once more at the end.

use std::sync::Arc;
use std::time::Duration;

use super::condition::{Condition, Part};
use super::pauses::pauses;
use super::queue::Queue;
use crate::seal::{Task, Turn};

/// How long the last turns may take.
const END_WITHIN: Duration = Duration::from_secs(1);

/// The pause between two of them: who is at it may be this sealer's own last session, which is about to end.
const END_PAUSE: Duration = Duration::from_millis(20);

/// What the sealer works with.
pub(crate) struct Sealing {
    pub(crate) task: Task,
    pub(crate) longest_pause: Duration,
    pub(crate) condition: Arc<Condition>,
    /// Whether this user may not seal, and people were told.
    pub(crate) is_refused: bool,
}

impl Sealing {
    /// Seals until the queue closes. What is landed after that is for [`Self::end`].
    pub(crate) async fn run(&mut self, queue: &Queue) {
        let mut lengths = pauses(self.longest_pause);
        loop {
            // Dropped half-way, a turn is begun anew over another connection.
            let turn = tokio::select! {
                turn = self.task.turn(false) => turn,
                () = queue.draining() => return,
            };
            let pause = match turn {
                Ok(turn) => {
                    lengths = pauses(self.longest_pause);
                    self.condition.well(Part::Seal, || self.task.place());
                    if matches!(turn, Turn::NotAllowed) && !self.is_refused {
                        self.is_refused = true;
                        tracing::info!(
                            place = self.task.place(),
                            "this user may not seal the audit log, so another one has to: a writer of the role audit_sealer, or \
                             `audit seal`. Said once"
                        );
                    }
                    turn.pause(self.task.settings().every)
                }
                Err(error) => {
                    self.condition.failed_by(Part::Seal, &self.task.place(), &error, error.class());
                    lengths.next().unwrap_or(self.longest_pause)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = queue.draining() => return,
            }
        }
    }

    /// Seals what was landed last, as far as there is time. The next sealer does the rest.
    pub(crate) async fn end(mut self) {
        // A store that is away shall not keep a program from its end.
        let is_away = self.condition.of_store().is_some() || self.condition.of_seal().is_some();
        if is_away || self.is_refused {
            return;
        }
        let last = async {
            while let Ok(Turn::Busy | Turn::Sealed { is_whole: false, .. }) = self.task.turn(true).await {
                tokio::time::sleep(END_PAUSE).await;
            }
            self.task.close().await;
        };
        let _ = tokio::time::timeout(END_WITHIN, last).await;
    }
}
