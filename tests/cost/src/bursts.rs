//! Calls in bursts, in each of the ways that are compared.
//!
//! Between bursts, and outside the time, both logs write what they have got. A burst is four
//! batches of the writer and less than half of its queue, and far less than the appender's buffer: neither
//! log is full in the timed region, and both of their threads are at work in it, on the other core.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit_core::{Auditor, WriterGuard, context};
use tokio::runtime::Runtime;

use crate::calls::{audited_always, audited_on_failure, bare, instrumented, request};
use crate::memory::MemoryStore;
use crate::poor_man::PoorMan;

/// Calls of one burst.
pub const BURST: u64 = 16_384;
const SOON: Duration = Duration::from_mins(1);

/// A way to call the function.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// Without any attribute.
    Bare,
    /// Annotated and recorded.
    Queued,
    /// Annotated, to be recorded when it fails, which it does not.
    OnFailure,
    /// Annotated, and the context's auditor is disabled.
    Disabled,
    /// The poor man's audit log.
    PoorMan,
}

/// Both logs, and the runtime in which calls are made.
#[derive(Debug)]
pub struct Bursts {
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

impl Bursts {
    /// Starts both logs.
    ///
    /// # Panics
    ///
    /// When a thread does not start.
    #[must_use]
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let writer = Auditor::builder().store(Arc::new(MemoryStore)).start_blocking().expect("the writer starts");
        Self { runtime, writer, poor_man: PoorMan::start(), lines: 0 }
    }

    /// How long this many calls take.
    pub fn time(&mut self, way: Way, calls: u64) -> Duration {
        let mut taken = Duration::ZERO;
        let mut left = calls;
        while left > 0 {
            let burst = left.min(BURST);
            taken += self.burst(way, burst);
            left -= burst;
        }
        taken
    }

    /// Entries that were dropped so far; none are.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.writer.stats().dropped
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

/// How long this many annotated calls take, whatever the program's auditor is.
pub async fn audited_burst(calls: u64) -> Duration {
    burst!(audited_always, calls).await
}
