//! What a call of an annotated function costs its caller, in time, beside the poor man's audit log, in each of the ways to call it.
//! `cargo run --release -p tests --bin bench -- calling` compares two of them in turns.
//!
//! `cargo bench -p audit-core --bench call_time`

use std::time::Duration;

use audit_core::Auditor;
use cost::bursts::{Bursts, Way, audited_burst};
use criterion::{Criterion, criterion_group, criterion_main};

/// Auditing switched off for the whole program: first, before anything in it records.
fn off(criterion: &mut Criterion) {
    let _writer = Auditor::builder().disabled().init_blocking().expect("there is no other");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    criterion.bench_function("call/#[audited], auditing off", |bencher| {
        bencher.iter_custom(|calls| runtime.block_on(audited_burst(calls)));
    });
}

fn absolute(criterion: &mut Criterion) {
    let mut bursts = Bursts::start();
    let mut group = criterion.benchmark_group("call");
    group.sample_size(20).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    let ways = [
        ("no attribute", Way::Bare),
        ("#[audited], queued", Way::Queued),
        ("#[audited(on = \"failure\")], success", Way::OnFailure),
        ("#[audited], disabled by the context", Way::Disabled),
        ("#[instrument], span-close JSON, non-blocking", Way::PoorMan),
    ];
    for (name, way) in ways {
        group.bench_function(name, |bencher| bencher.iter_custom(|calls| bursts.time(way, calls)));
    }
    group.finish();
    assert_eq!(bursts.dropped(), 0);
}

criterion_group!(benches, off, absolute);
criterion_main!(benches);
