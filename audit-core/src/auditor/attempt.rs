//! Work that is announced before it begins.

use std::time::{Instant, SystemTime};

use serde::Serialize;
use uuid::Uuid;

use super::slot::Slot;
use super::{Auditor, Recording};
use crate::writer::block_on;
use crate::{Durability, Entry, Error, Outcome};

impl Auditor {
    /// Announces work: records `entry` as `attempted` and waits until that is durable. The work may begin when there is an
    /// [`Attempt`], which is to be told how the work ended.
    ///
    /// # Errors
    ///
    /// As those of a durable [`Recording`]; the work must not begin then. Where the `attempted` entry may be stored yet,
    /// a `failure` entry that says so follows.
    ///
    /// # Cancellation
    ///
    /// Nothing is recorded, or the attempt is recorded as cancelled.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn wipe() -> Result<(), std::io::Error> { Ok(()) }
    /// # async fn example(auditor: audit_core::Auditor) -> Result<(), Box<dyn std::error::Error>> {
    /// use audit_core::{AuditAction, Entry, Outcome, Target};
    ///
    /// let entry = Entry::builder(AuditAction::ProjectDeleted { reason: None }).target(Target::project("proj_456")).build();
    /// let attempt = auditor.attempt(entry).await?;
    /// match wipe() {
    ///     Ok(()) => attempt.end(Outcome::Success).await?,
    ///     Err(error) => attempt.fail(error.to_string()).await?,
    /// };
    /// # Ok(())
    /// # }
    /// ```
    pub async fn attempt(&self, entry: Entry) -> Result<Attempt, Error> {
        let (begin, end) = (self.reserve().await, self.reserve().await);
        let (attempted, ending) = entry.into_attempt();
        let pending = begin.announce(attempted).inspect_err(|_| self.count_refused())?;
        let attempt = Attempt { slot: Some(end), ending: Some(ending), since: Instant::now() };
        match pending.await {
            Ok(()) => Ok(attempt),
            Err(error) => {
                self.count_refused();
                // It is not waited for: whoever hears of the refusal has waited long enough.
                drop(attempt.finish(Outcome::Failure, Some(not_run(&error)), Durability::Queued));
                Err(error)
            }
        }
    }

    /// [`Self::attempt`] for code without async.
    ///
    /// # Errors
    ///
    /// As [`Self::attempt`].
    pub fn attempt_blocking(&self, entry: Entry) -> Result<Attempt, Error> {
        block_on(self.attempt(entry))
    }
}

/// What the entry says that ends an attempt whose work never began.
pub(crate) fn not_run(error: &Error) -> String {
    format!("not run: {error}")
}

/// Work that was announced, and has not been told to have ended. Dropped, it is recorded as cancelled.
#[derive(Debug)]
#[must_use = "an attempt that is dropped is recorded as cancelled"]
pub struct Attempt {
    /// Taken by the end.
    slot: Option<Slot>,
    ending: Option<Entry>,
    since: Instant,
}

impl Attempt {
    /// The id of the `attempted` entry, which the entry of the end names.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.ending.as_ref().and_then(|ending| ending.attempt_id).unwrap_or_default()
    }

    /// The id of what the work turned out to be done to.
    pub fn target_id(&mut self, id: impl Into<String>) {
        if let Some(ending) = &mut self.ending {
            ending.target_id = Some(id.into());
        }
    }

    /// One named detail that became known.
    pub fn metadata<T: Serialize + ?Sized>(&mut self, name: impl Into<String>, value: &T) {
        if let Some(ending) = &mut self.ending {
            ending.metadata.others().insert(name, value);
        }
    }

    /// Records how the work ended: at once, and durably if the [`Recording`] is waited for.
    #[must_use = "the entry is queued; await this to know that it is durable"]
    pub fn end(self, outcome: Outcome) -> Recording {
        self.finish(outcome, None, Durability::Durable)
    }

    /// [`Self::end`] with a failure, and what is to be kept of the error.
    #[must_use = "the entry is queued; await this to know that it is durable"]
    pub fn fail(self, error: impl Into<String>) -> Recording {
        self.finish(Outcome::Failure, Some(error.into()), Durability::Durable)
    }

    fn finish(mut self, outcome: Outcome, error: Option<String>, durability: Durability) -> Recording {
        let slot = self.slot.take().expect("an attempt ends once");
        let entry = self.ended(outcome, error).expect("an attempt ends once");
        Recording::sent(slot, entry, durability)
    }

    fn ended(&mut self, outcome: Outcome, error: Option<String>) -> Option<Entry> {
        let mut entry = self.ending.take()?;
        (entry.id, entry.created_at) = entry.context.identify(SystemTime::now());
        entry.duration = Some(self.since.elapsed());
        entry.outcome = outcome;
        entry.error = error;
        Some(entry)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let (Some(slot), Some(entry)) = (self.slot.take(), self.ended(Outcome::Cancelled, None)) {
            // A refusal is counted, and tells of itself.
            drop(slot.send(entry));
        }
    }
}
