//! What is wrong at the moment, and how often people are told.
//!
//! Everything that fails and is tried again is reported here. People hear of a trouble when it begins, once a minute while
//! it lasts, and when it ends; [`health`](crate::Auditor::health) asks at any time.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::store::{ErrorClass, StoreError};

/// How often people are told that a trouble lasts, and of one that comes again and again.
const SAY_EVERY: Duration = Duration::from_mins(1);
/// One that comes again within that time is told of if it lasts.
const SAY_LASTING: Duration = Duration::from_secs(5);

/// Where something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The store is away.
    Store,
    /// The store is there, and refuses a batch of this stream.
    Stream(Uuid),
    /// The outbox is not drained.
    Outbox,
    /// The log is not sealed.
    Seal,
}

/// What is wrong at the moment.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    parts: Mutex<HashMap<Part, Trouble>>,
}

/// Something that goes wrong again and again.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) since: Instant,
    /// What the last attempt came back with.
    pub(crate) reason: String,
    attempts: u64,
    /// When people were last told; also of the trouble before, if it ended.
    said: Option<Instant>,
    is_said: bool,
    is_over: bool,
}

impl Condition {
    /// An attempt failed.
    pub(crate) fn failed(&self, part: Part, place: &str, error: &StoreError) {
        self.failed_by(part, place, error, error.class());
    }

    /// An attempt failed with any error.
    pub(crate) fn failed_by(&self, part: Part, place: &str, error: &dyn Error, class: ErrorClass) {
        let now = Instant::now();
        let reason = with_causes(error);
        let mut parts = self.parts();
        let trouble = parts.entry(part).or_insert_with(|| Trouble::new(now));
        if trouble.is_over {
            *trouble = Trouble { said: trouble.said, ..Trouble::new(now) };
        }
        trouble.attempts += 1;
        let is_due = match trouble.said {
            None => true,
            Some(said) => now - said >= SAY_EVERY || (!trouble.is_said && now - trouble.since >= SAY_LASTING),
        };
        trouble.reason = reason;
        if !is_due {
            return;
        }
        trouble.said = Some(now);
        trouble.is_said = true;
        let trouble = trouble.clone();
        drop(parts);
        trouble.say(part, place, class, now);
    }

    /// It went well.
    pub(crate) fn well(&self, part: Part, place: impl FnOnce() -> String) {
        let now = Instant::now();
        let ended = {
            let mut parts = self.parts();
            let Some(trouble) = parts.get_mut(&part).filter(|trouble| !trouble.is_over) else { return };
            trouble.is_over = true;
            let ended = trouble.clone();
            // Remembered only for as long as people need not hear of it again.
            parts.retain(|_, trouble| !trouble.is_over || trouble.said.is_some_and(|said| now - said < SAY_EVERY));
            ended
        };
        if ended.is_said {
            let (seconds, failed_attempts, place) = ((now - ended.since).as_secs(), ended.attempts, place());
            match part {
                Part::Store => tracing::info!(place, seconds, failed_attempts, "audit store takes batches again"),
                Part::Stream(stream_id) => tracing::info!(
                    place, %stream_id, seconds, failed_attempts,
                    "audit store takes the batches of this stream again"
                ),
                Part::Outbox => tracing::info!(place, seconds, failed_attempts, "audit outbox is drained again"),
                Part::Seal => tracing::info!(place, seconds, failed_attempts, "audit log is sealed again"),
            }
        }
    }

    /// What keeps batches from the store.
    pub(crate) fn of_store(&self) -> Option<Trouble> {
        let parts = self.parts();
        let of_batches =
            parts.iter().filter(|(part, trouble)| matches!(part, Part::Store | Part::Stream(_)) && !trouble.is_over);
        of_batches.map(|(_, trouble)| trouble).min_by_key(|trouble| trouble.since).cloned()
    }

    /// What keeps the outbox from being drained.
    pub(crate) fn of_outbox(&self) -> Option<Trouble> {
        self.parts().get(&Part::Outbox).filter(|trouble| !trouble.is_over).cloned()
    }

    /// What keeps the log from being sealed.
    pub(crate) fn of_seal(&self) -> Option<Trouble> {
        self.parts().get(&Part::Seal).filter(|trouble| !trouble.is_over).cloned()
    }

    fn parts(&self) -> MutexGuard<'_, HashMap<Part, Trouble>> {
        // Every change is complete before anything that could panic.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    const fn new(now: Instant) -> Self {
        Self { since: now, reason: String::new(), attempts: 0, said: None, is_said: false, is_over: false }
    }

    fn say(&self, part: Part, place: &str, class: ErrorClass, now: Instant) {
        let (reason, failed_attempts, seconds) = (&self.reason, self.attempts, (now - self.since).as_secs());
        match (part, class) {
            (Part::Store | Part::Stream(_), ErrorClass::Transient) => tracing::warn!(
                place,
                seconds,
                failed_attempts,
                reason,
                "audit store unavailable; batches wait, and are sent again until it takes them. Look after the database if \
                 this lasts. Said once a minute"
            ),
            (Part::Store, _) => tracing::error!(
                place,
                seconds,
                failed_attempts,
                reason,
                "audit store refuses this program; batches wait, and are sent again. `audit doctor` tells what to do. Said \
                 once a minute"
            ),
            (Part::Stream(stream_id), _) => tracing::error!(
                place, %stream_id, seconds, failed_attempts, reason,
                "audit store refuses a batch; it waits, with those behind it, and is sent again. `audit doctor` tells what \
                 to do. Said once a minute"
            ),
            (Part::Outbox, ErrorClass::Transient) => tracing::warn!(
                place,
                seconds,
                failed_attempts,
                reason,
                "audit outbox not drained; its entries wait there. Look after the database if this lasts. Said once a minute"
            ),
            (Part::Outbox, _) => tracing::error!(
                place,
                seconds,
                failed_attempts,
                reason,
                "audit outbox cannot be drained; its entries wait there. `audit doctor` tells what to do. Said once a minute"
            ),
            (Part::Seal, ErrorClass::Transient) => tracing::warn!(
                place,
                seconds,
                failed_attempts,
                reason,
                "audit log not sealed; that is made up for. Look after the database if this lasts. Said once a minute"
            ),
            (Part::Seal, _) => tracing::error!(
                place,
                seconds,
                failed_attempts,
                reason,
                "audit log cannot be sealed: `audit doctor` and `audit verify` tell what is wrong. Said once a minute"
            ),
        }
    }
}

/// An error with what caused it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> StoreError {
        StoreError::new(ErrorClass::Transient, "cannot reach it", "it is away")
    }

    #[test]
    fn a_trouble_lasts_until_it_went_well() {
        let condition = Condition::default();
        condition.failed(Part::Store, "here", &away());
        condition.failed(Part::Outbox, "here", &away());
        assert_eq!(condition.of_store().expect("the store is away").reason, "cannot reach it: it is away");
        condition.well(Part::Store, || "here".to_owned());
        assert!(condition.of_store().is_none() && condition.of_outbox().is_some());
    }

    #[test]
    fn what_comes_and_goes_is_not_told_of_each_time() {
        let condition = Condition::default();
        for _ in 0..100 {
            condition.failed(Part::Store, "here", &away());
            condition.well(Part::Store, || "here".to_owned());
        }
        let parts = condition.parts();
        let trouble = parts.get(&Part::Store).expect("it is remembered");
        assert!(!trouble.is_said && trouble.attempts == 1, "{trouble:?}");
    }
}
