//! Whether entries are being kept, for a readiness endpoint.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Auditor, WriterGuard};
use crate::journal::JournalStatus;
use crate::writer::{Condition, Pressure, Trouble};

/// Without a journal, a store that is away for longer than this fails.
const AWAY_TOO_LONG: Duration = Duration::from_secs(30);
/// An entry that is in memory alone for longer than this waits for a store that is slow or silent.
const SLOW: Duration = Duration::from_secs(1);

/// What is not sealed for longer than this is worth a word.
const UNSEALED_TOO_LONG: Duration = Duration::from_mins(1);

/// Whether entries are being kept.
///
/// As JSON: `{"status":"ok"}`, or `{"status":"degraded","reason":"…"}`. The reason is one sentence, and holds no row's
/// values and no password.
///
/// # Examples
///
/// A readiness endpoint, in the manner of axum. A service whose entries still go to the journal is ready; one that would
/// lose entries, or keep its callers waiting, is not:
///
/// ```
/// use audit_core::{Auditor, Health};
///
/// async fn ready() -> (u16, String) {
///     let Some(auditor) = Auditor::global() else { return (503, "no auditor yet".to_owned()) };
///     match auditor.health() {
///         Health::Failing { reason, .. } => (503, reason),
///         health => (200, health.to_string()),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// Entries go to the store in time.
    Ok,
    /// Nothing is lost, and somebody should look: entries go to the journal, or wait.
    #[non_exhaustive]
    Degraded {
        /// What is wrong.
        reason: String,
    },
    /// Entries are lost, or soon will be: nothing takes them, or nothing can be trusted to keep them.
    #[non_exhaustive]
    Failing {
        /// What is wrong.
        reason: String,
    },
}

impl Health {
    /// Whether entries go to the store in time.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }

    /// Whether entries are lost, or soon will be.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        matches!(self, Self::Failing { .. })
    }

    /// What is wrong, if anything is.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Ok => None,
            Self::Degraded { reason } | Self::Failing { reason } => Some(reason),
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Degraded { reason } => write!(f, "degraded: {reason}"),
            Self::Failing { reason } => write!(f, "failing: {reason}"),
        }
    }
}

impl Auditor {
    /// Whether entries are being kept, and if not, why. Costs less than recording an entry: nothing is asked of the store
    /// or the disk. A [disabled](Self::is_disabled) auditor is well.
    #[must_use]
    pub fn health(&self) -> Health {
        if !self.has_writer() {
            return Health::Ok;
        }
        let pressure = self.queue().pressure();
        if !pressure.is_open {
            // Nothing else is asked: in a forked process, locks may be held for ever.
            return Health::Failing {
                reason: "the writer shuts down or has gone, and takes no more entries".to_owned(),
            };
        }
        examine(&pressure, self.journal().as_ref(), self.condition())
    }
}

impl WriterGuard {
    /// [`Auditor::health`].
    #[must_use]
    pub fn health(&self) -> Health {
        self.auditor().health()
    }
}

/// The worst of what is wrong.
fn examine(pressure: &Pressure, journal: Option<&JournalStatus>, condition: &Condition) -> Health {
    let trouble = condition.of_store();
    failing(pressure, journal, trouble.as_ref())
        .map(|reason| Health::Failing { reason })
        .or_else(|| degraded(pressure, journal, trouble.as_ref(), condition).map(|reason| Health::Degraded { reason }))
        .unwrap_or(Health::Ok)
}

fn failing(pressure: &Pressure, journal: Option<&JournalStatus>, trouble: Option<&Trouble>) -> Option<String> {
    let held_up = held_up(pressure, trouble);
    let Some(journal) = journal else {
        let (reason, since) = held_up?;
        let too_long = since > AWAY_TOO_LONG || pressure.is_full;
        return too_long.then(|| format!("{reason}, and there is no journal: entries wait in memory alone"));
    };
    if journal.untrusted > 0 {
        return Some(format!(
            "a file of the journal in {} could not be brought to the disk, and is not trusted any more",
            journal.directory.display()
        ));
    }
    let (reason, refusal) = (held_up?.0, journal.refusal.as_ref()?);
    Some(format!("{reason}, and the journal refuses: {refusal}"))
}

fn degraded(
    pressure: &Pressure,
    journal: Option<&JournalStatus>,
    trouble: Option<&Trouble>,
    condition: &Condition,
) -> Option<String> {
    let held_up = held_up(pressure, trouble).map(|(reason, _)| reason);
    let Some(journal) = journal else {
        let lasting = lasting(condition);
        return held_up.map(|reason| format!("{reason}; entries wait in memory alone")).or(lasting);
    };
    let share = journal.bytes.saturating_mul(100) / journal.limit.max(1);
    let fill = if journal.is_alarming() { format!(", which is {share} % full") } else { String::new() };
    if let Some(reason) = held_up {
        return Some(format!("{reason}; entries wait in the journal{fill}"));
    }
    if pressure.journaled > 0 {
        return Some(format!("{} entries wait in the journal{fill}, and go to the store in order", pressure.journaled));
    }
    if journal.is_alarming() {
        return Some(format!("the journal in {} is {share} % full", journal.directory.display()));
    }
    lasting(condition)
}

/// What is not done, while entries go to the store in time.
fn lasting(condition: &Condition) -> Option<String> {
    let said = |what: &str, trouble: Trouble| {
        format!("{what} for {} s ({})", trouble.since.elapsed().as_secs(), trouble.reason)
    };
    let outbox = condition.of_outbox().map(|trouble| said("the outbox has not been drained", trouble));
    let unsealed = || {
        let long = condition.of_seal().filter(|trouble| trouble.since.elapsed() > UNSEALED_TOO_LONG);
        long.map(|trouble| said("the log has not been sealed", trouble))
    };
    outbox.or_else(unsealed)
}

/// Why entries do not go to the store in time, and for how long.
fn held_up(pressure: &Pressure, trouble: Option<&Trouble>) -> Option<(String, Duration)> {
    if let Some(trouble) = trouble {
        let age = trouble.since.elapsed();
        return Some((format!("the store has failed for {} s ({})", age.as_secs(), trouble.reason), age));
    }
    let age = Instant::now().saturating_duration_since(pressure.held_since?);
    (age > SLOW).then(|| (format!("the store is slow or silent, a batch has waited for {} s", age.as_secs()), age))
}
