//! The accounts as metrics of the facade [`metrics`], for whatever recorder the program has installed. Needs the
//! feature `metrics`.
//!
//! Install the recorder before the auditor. The writer publishes its accounts once a second, and when it ends; what happens
//! before there is a recorder is not told later. With several auditors in one process, counters and histograms are sums, and
//! gauges are those of whichever published last.
//!
//! | name | kind | labels | meaning |
//! |---|---|---|---|
//! | `audit_entries_emitted_total` | counter | | entries made, the writer's own included |
//! | `audit_entries_adopted_total` | counter | | entries taken over from the journals of processes that died |
//! | `audit_entries_drained_total` | counter | | entries moved from the outbox to the log |
//! | `audit_entries_stored_total` | counter | | entries that the store has committed |
//! | `audit_entries_dead_lettered_total` | counter | | entries that the store refused and keeps apart |
//! | `audit_entries_dropped_total` | counter | `reason`: `queue_full`, `no_writer`, … | entries that will not be stored |
//! | `audit_entries_unconfirmed_total` | counter | | durable entries whose callers were not told in time that they are kept |
//! | `audit_entries_unattributed_total` | counter | | entries without an actor |
//! | `audit_calls_refused_total` | counter | | calls that must not run, because they could not be announced, and entries that lacked a required actor |
//! | `audit_batches_total` | counter | | batches stored |
//! | `audit_retries_total` | counter | | attempts to store a batch that failed, or were not answered |
//! | `audit_entries_queued` | gauge | | entries in the queue |
//! | `audit_entries_in_flight` | gauge | | entries in batches that a lane holds in memory |
//! | `audit_entries_journaled` | gauge | | entries in the journal |
//! | `audit_journal_bytes` | gauge | | bytes in the journal's directory |
//! | `audit_journal_oldest_seconds` | gauge | | age of the oldest batch in the journal; 0 where there is none |
//! | `audit_health` | gauge | | 0 ok, 1 degraded, 2 failing |
//! | `audit_batch_entries` | histogram | | entries of each batch that was stored |
//! | `audit_landing_seconds` | histogram | | from the first attempt to store a batch to its commit, pauses included; of a batch of the outbox, the last attempt |

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use chrono::Utc;
use metrics::{Unit, counter, gauge, histogram};

use crate::{Auditor, Health, Stats};

/// The pause between two publications.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// Publishes an auditor's accounts.
#[derive(Debug)]
pub(crate) struct Publisher {
    auditor: Auditor,
    /// What was published last.
    last: Stats,
}

impl Publisher {
    pub(crate) fn new(auditor: Auditor) -> Self {
        Self { auditor, last: Stats::default() }
    }

    /// Publishes again and again, until dropped.
    pub(crate) async fn run(&mut self) {
        unharmed(describe);
        loop {
            self.publish();
            tokio::time::sleep(PUBLISH_EVERY).await;
        }
    }

    /// Publishes what has changed since the last time.
    pub(crate) fn publish(&mut self) {
        let (now, health) = (self.auditor.stats(), self.auditor.health());
        let last = std::mem::replace(&mut self.last, now.clone());
        unharmed(|| tell(&last, &now, &health));
    }
}

fn tell(last: &Stats, now: &Stats, health: &Health) {
    counter!("audit_entries_emitted_total").increment(now.emitted - last.emitted);
    counter!("audit_entries_adopted_total").increment(now.adopted - last.adopted);
    counter!("audit_entries_drained_total").increment(now.drained - last.drained);
    counter!("audit_entries_stored_total").increment(now.stored - last.stored);
    counter!("audit_entries_dead_lettered_total").increment(now.dead_lettered - last.dead_lettered);
    for ((reason, dropped), (_, before)) in now.dropped_by.by_reason().into_iter().zip(last.dropped_by.by_reason()) {
        counter!("audit_entries_dropped_total", "reason" => reason).increment(dropped - before);
    }
    counter!("audit_entries_unconfirmed_total").increment(now.unconfirmed - last.unconfirmed);
    counter!("audit_entries_unattributed_total").increment(now.unattributed - last.unattributed);
    counter!("audit_calls_refused_total").increment(now.refused - last.refused);
    counter!("audit_batches_total").increment(now.batches - last.batches);
    counter!("audit_retries_total").increment(now.retries - last.retries);
    gauge!("audit_entries_queued").set(float(now.queued));
    gauge!("audit_entries_in_flight").set(float(now.in_flight));
    gauge!("audit_entries_journaled").set(float(now.journaled));
    gauge!("audit_journal_bytes").set(float(now.journal_bytes));
    let age = now.journal_oldest.and_then(|oldest| (Utc::now() - oldest).to_std().ok()).unwrap_or_default();
    gauge!("audit_journal_oldest_seconds").set(age.as_secs_f64());
    gauge!("audit_health").set(match health {
        Health::Ok => 0.0,
        Health::Degraded { .. } => 1.0,
        Health::Failing { .. } => 2.0,
    });
}

/// A batch is in the store.
pub(crate) fn landed(entries: u64, took: Duration) {
    unharmed(|| {
        histogram!("audit_batch_entries").record(float(entries));
        histogram!("audit_landing_seconds").record(took.as_secs_f64());
    });
}

/// Tells the recorder what the histograms measure.
fn describe() {
    metrics::describe_histogram!("audit_batch_entries", Unit::Count, "Entries of each batch that was stored");
    metrics::describe_histogram!(
        "audit_landing_seconds",
        Unit::Seconds,
        "From the first attempt to store a batch to its commit, pauses included; of a batch of the outbox, the last attempt"
    );
}

/// A recorder that panics harms nobody else.
fn unharmed(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        tracing::error!("the recorder of metrics panicked; the audit log's metrics are not to be believed");
    }
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53, nobody counts one by one")]
const fn float(number: u64) -> f64 {
    number as f64
}
