//! The accounts as metrics, as a recorder of the program's own sees them.
#![allow(clippy::float_cmp, reason = "whole numbers, which floats hold exactly")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audit_core::{AuditAction, Auditor, Entry, Target};
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Numbers by the name of their metric, with its labels' values behind it.
#[derive(Debug, Clone, Default)]
struct Seen {
    numbers: Arc<Mutex<HashMap<String, Arc<AtomicU64>>>>,
    samples: Arc<Mutex<HashMap<String, Vec<f64>>>>,
}

impl Seen {
    fn number(&self, key: &Key) -> Arc<AtomicU64> {
        Arc::clone(self.numbers.lock().expect("nobody panics here").entry(name(key)).or_default())
    }

    fn counter(&self, name: &str) -> u64 {
        self.numbers.lock().expect("nobody panics here")[name].load(Ordering::SeqCst)
    }

    fn gauge(&self, name: &str) -> f64 {
        f64::from_bits(self.counter(name))
    }
}

fn name(key: &Key) -> String {
    key.labels().fold(key.name().to_owned(), |name, label| format!("{name} {}", label.value()))
}

struct Samples(Seen, String);

impl HistogramFn for Samples {
    fn record(&self, value: f64) {
        self.0.samples.lock().expect("nobody panics here").entry(self.1.clone()).or_default().push(value);
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.number(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.number(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Samples(self.clone(), name(key))))
    }
}

#[tokio::test]
async fn what_the_accounts_tell_the_metrics_tell_too() {
    let seen = Seen::default();
    metrics::set_global_recorder(seen.clone()).expect("this is the only test here");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    let writer = Auditor::builder().url(url).start().await.expect("the writer starts");
    for _ in 0..7 {
        let entry =
            Entry::builder(AuditAction::ProjectDeleted { reason: None }).target(Target::project("proj_456")).build();
        writer.auditor().record(entry).await.expect("there is room");
    }
    let stats = writer.shutdown(Duration::from_secs(20)).await.stats;

    assert_eq!((stats.stored, seen.counter("audit_entries_stored_total")), (7, 7));
    assert_eq!(seen.counter("audit_entries_emitted_total"), 7);
    assert_eq!(seen.counter("audit_entries_unattributed_total"), 7);
    assert_eq!(seen.counter("audit_batches_total"), stats.batches);
    assert_eq!(seen.counter("audit_entries_dropped_total queue_full"), 0);
    let all =
        ["audit_entries_queued", "audit_entries_in_flight", "audit_entries_journaled"].map(|name| seen.gauge(name));
    assert_eq!(all.iter().sum::<f64>(), 0.0);
    assert_eq!(seen.gauge("audit_health"), 2.0, "the writer has gone");
    let samples = seen.samples.lock().expect("nobody panics here").clone();
    assert_eq!(samples["audit_batch_entries"].iter().sum::<f64>(), 7.0);
    assert_eq!(samples["audit_landing_seconds"].len() as u64, stats.batches);
}

#[test]
fn every_metric_is_in_the_table() {
    let source = include_str!("../src/metrics.rs");
    let (documented, code) = source.split_once("\nuse ").expect("the module's documentation comes first");
    let mut named: Vec<&str> =
        code.split('"').filter(|text| text.starts_with("audit_") && !text.contains(' ')).collect();
    named.sort_unstable();
    named.dedup();
    assert!(named.len() > 15, "{named:?}");
    for name in named {
        assert!(documented.contains(&format!("| `{name}` |")), "{name} is not in the table");
    }
}
