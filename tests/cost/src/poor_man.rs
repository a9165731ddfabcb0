//! The poor man's audit log: span-close events as JSON, written by a thread of its own.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tracing::Dispatch;
use tracing_appender::non_blocking::{ErrorCounter, WorkerGuard};
use tracing_subscriber::fmt::format::FmtSpan;

/// A subscriber that writes a line for each span that closes, into memory.
#[derive(Debug)]
pub struct PoorMan {
    /// To be made the default while spans are made.
    pub dispatch: Dispatch,
    lines: Arc<AtomicUsize>,
    lost: ErrorCounter,
    _worker: WorkerGuard,
}

impl PoorMan {
    /// Starts its thread.
    #[must_use]
    pub fn start() -> Self {
        let lines = Arc::new(AtomicUsize::new(0));
        let (writer, worker) = tracing_appender::non_blocking(CountLines(Arc::clone(&lines)));
        let lost = writer.error_counter();
        let subscriber = tracing_subscriber::fmt().json().with_span_events(FmtSpan::CLOSE).with_writer(writer).finish();
        Self { dispatch: Dispatch::new(subscriber), lines, lost, _worker: worker }
    }

    /// Waits until so many lines are written in all.
    ///
    /// # Panics
    ///
    /// When a line was lost.
    pub fn wait_for(&self, lines: usize) {
        while self.lines.load(Ordering::Acquire) < lines {
            assert_eq!(self.lost.dropped_lines(), 0, "the buffer is large enough");
            thread::yield_now();
        }
    }
}

/// Takes lines, and counts them. The appender's thread writes a whole line at a time.
struct CountLines(Arc<AtomicUsize>);

impl Write for CountLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::Release);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
