//! What a call of an annotated function costs its caller, in time, beside the poor man's audit log.
//!
//! Calls come in bursts. Between bursts, and outside the time, both logs write what they have got. A burst is four
//! batches of the writer and less than half of its queue, and far less than the appender's buffer: neither
//! log is full in the timed region, and both of their threads are at work in it, on the other core.
//!
//! `cargo bench -p cost --bench call_time`

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit_core::{Auditor, WriterGuard, context};
use cost::calls::{audited_always, audited_on_failure, bare, instrumented, request};
use cost::memory::MemoryStore;
use cost::poor_man::PoorMan;
use criterion::{Criterion, criterion_group};
use tokio::runtime::Runtime;

const BURST: u64 = 16_384;
const SOON: Duration = Duration::from_mins(1);
/// Rounds of the comparison; each way has one burst in each round.
const ROUNDS: usize = 101;

#[derive(Debug, Clone, Copy)]
enum Way {
    Bare,
    Queued,
    OnFailure,
    Disabled,
    PoorMan,
}

struct Bench {
    runtime: Runtime,
    writer: WriterGuard,
    poor_man: PoorMan,
    lines: usize,
}

macro_rules! burst {
    ($function:ident, $calls:expr) => {
        async {
            let began = Instant::now();
            for call in 0..$calls {
                let _ = black_box(
                    $function(black_box("proj_456"), black_box("enterprise"), black_box(call + 1), true).await,
                );
            }
            began.elapsed()
        }
    };
}

impl Bench {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let writer = Auditor::builder().store(Arc::new(MemoryStore)).start_blocking().expect("the writer starts");
        Self { runtime, writer, poor_man: PoorMan::start(), lines: 0 }
    }

    /// How long this many calls take.
    fn time(&mut self, way: Way, calls: u64) -> Duration {
        let mut taken = Duration::ZERO;
        let mut left = calls;
        while left > 0 {
            let burst = left.min(BURST);
            taken += self.burst(way, burst);
            left -= burst;
        }
        taken
    }

    fn burst(&mut self, way: Way, calls: u64) -> Duration {
        let Self { runtime, writer, poor_man, lines } = self;
        let here = request(writer.auditor().clone());
        match way {
            Way::Bare => runtime.block_on(burst!(bare, calls)),
            Way::Queued => {
                let taken = runtime.block_on(context::scope(here, burst!(audited_always, calls)));
                writer.flush_blocking(SOON).expect("memory takes everything");
                taken
            }
            Way::OnFailure => runtime.block_on(context::scope(here, burst!(audited_on_failure, calls))),
            Way::Disabled => {
                let here = request(Auditor::disabled());
                runtime.block_on(context::scope(here, burst!(audited_always, calls)))
            }
            Way::PoorMan => {
                let taken = tracing::dispatcher::with_default(&poor_man.dispatch, || {
                    runtime.block_on(burst!(instrumented, calls))
                });
                *lines += usize::try_from(calls).expect("bursts are small");
                poor_man.wait_for(*lines);
                taken
            }
        }
    }
}

/// Auditing switched off for the whole program: first, before anything in it records.
fn off(criterion: &mut Criterion) {
    let _writer = Auditor::builder().disabled().init_blocking().expect("there is no other");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    criterion.bench_function("call/#[audited], auditing off", |bencher| {
        bencher.iter_custom(|calls| runtime.block_on(burst!(audited_always, calls)));
    });
}

fn absolute(criterion: &mut Criterion) {
    let mut bench = Bench::start();
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
        group.bench_function(name, |bencher| bencher.iter_custom(|calls| bench.time(way, calls)));
    }
    group.finish();
    assert_eq!(bench.writer.stats().dropped, 0);
}

/// The two logs in turns, so that what disturbs the machine disturbs both.
fn ratio() {
    let mut bench = Bench::start();
    let mut rounds: Vec<(Duration, Duration)> =
        (0..ROUNDS).map(|_| (bench.time(Way::Queued, BURST), bench.time(Way::PoorMan, BURST))).skip(1).collect();
    let ratio = |(ours, theirs): &(Duration, Duration)| ours.as_secs_f64() / theirs.as_secs_f64();
    rounds.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let at = |percent: usize| ratio(&rounds[(rounds.len() - 1) * percent / 100]);
    println!(
        "#[audited] / #[instrument], {} rounds in turns: median {:.3}, 5 % {:.3}, 95 % {:.3}",
        rounds.len(),
        at(50),
        at(5),
        at(95)
    );
}

criterion_group!(benches, off, absolute);

fn main() {
    benches();
    ratio();
}
