//! Lands what dead processes left in their journals.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::lander::{Fate, Lander, blocking};
use super::pauses::Pauses;
use super::queue::Queue;
use super::session::Shared;
use super::unwind;
use crate::journal::{Abandoned, Journal, JournalError, Remains, Step, others};

/// How often to look for journals of the dead.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Adopts journals until dropped.
pub(super) struct Adopter {
    shared: Shared,
    journal: Arc<Journal>,
    /// Journals that cannot be taken over, or not whole. They were reported, and are not tried again.
    left: HashSet<PathBuf>,
}

impl Adopter {
    pub(super) fn new(shared: Shared, journal: Arc<Journal>) -> Self {
        Self { shared, journal, left: HashSet::new() }
    }

    pub(super) async fn run(mut self) {
        let mut pauses = Pauses::new(&self.shared.queue, self.shared.delivery.longest_pause);
        loop {
            match unwind::caught(self.look_around()).await {
                Ok(()) => {
                    self.journal.note_adopted();
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(panic) => {
                    tracing::error!(panic = unwind::words(&panic), "adopting audit journals panicked; it begins anew");
                    pauses.wait().await;
                }
            }
        }
    }

    async fn look_around(&mut self) {
        let journal = Arc::clone(&self.journal);
        let directories = match blocking(move || others(&journal)).await {
            Ok(directories) => directories,
            Err(error) => return say_left(&error),
        };
        self.left.retain(|left| directories.contains(left));
        for directory in directories {
            if !self.left.contains(&directory) {
                let remains = self.adopt(directory.clone()).await.unwrap_or_else(|error| {
                    say_left(&error);
                    Remains::Left
                });
                if remains == Remains::Left {
                    self.left.insert(directory);
                }
            }
        }
        let journal = Arc::clone(&self.journal);
        let counted = blocking(move || {
            journal.count_others();
            Ok(())
        });
        if let Err(error) = counted.await {
            say_left(&error);
        }
    }

    /// Lands what a dead process left, one batch at a time.
    async fn adopt(&self, directory: PathBuf) -> Result<Remains, JournalError> {
        let journal = Arc::clone(&self.journal);
        let Some(mut abandoned) = blocking(move || Abandoned::adopt(&journal, &directory)).await? else {
            return Ok(Remains::Nothing);
        };
        let mut lander = Lander::new(self.shared.clone(), Arc::clone(abandoned.moves()));
        let mut entries = 0;
        loop {
            let (rest, step) = blocking(move || {
                let step = abandoned.next();
                Ok((abandoned, step))
            })
            .await?;
            abandoned = rest;
            let Some(step) = step else { break };
            entries += land(&mut lander, &self.shared.queue, &step).await;
        }
        lander.close().await;
        tracing::info!(directory = %abandoned.directory().display(), entries, "audit journal of a dead process adopted");
        blocking(move || abandoned.finish()).await
    }
}

/// Gives back how many entries are stored.
async fn land(lander: &mut Lander, queue: &Queue, step: &Step) -> u64 {
    let (fate, entries) = match step {
        Step::Batch(batch) => (lander.land(batch, || {}).await, batch.rows().len() as u64),
        Step::Lost(lost) => (lander.lose(lost, || {}).await, lost.entries.unwrap_or_default()),
    };
    let (stored, dead_lettered) = match fate {
        Fate::Stored { rows, dead_lettered } => (rows.min(entries), dead_lettered),
        Fate::Lost => (0, 0),
    };
    queue.adopted(entries);
    queue.landed_adopted(stored, dead_lettered);
    queue.lost_adopted(entries - stored);
    stored
}

fn say_left(error: &JournalError) {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, source, "an audit journal cannot be adopted; what it holds stays there");
}
