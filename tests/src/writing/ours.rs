//! The writer.

use std::fs;
use std::time::{Duration, Instant};

use audit_core::{Auditor, Builder, Migrate};

use crate::traffic;

const SOON: Duration = Duration::from_mins(5);
/// Of the clock that Linux counts a process's time by.
const TICKS_PER_SECOND: f64 = 100.0;

/// What storing entries took.
#[derive(Debug)]
pub struct Measured {
    /// Entries a second, from the first call until all are stored.
    pub rate: f64,
    /// Time of all processors for an entry, that of its caller included.
    pub cpu_micros: f64,
}

/// Records so many entries into a log that is there, and waits until they are stored.
///
/// # Panics
///
/// When an entry is lost.
pub async fn store(builder: Builder, rows: u64) -> Measured {
    store_with(builder, rows, |_| {}).await
}

/// [`store`], whose auditor is shown before the first entry.
///
/// # Panics
///
/// When an entry is lost.
pub async fn store_with(builder: Builder, rows: u64, started: impl FnOnce(&Auditor)) -> Measured {
    let writer = builder.migrate(Migrate::Skip).start().await.expect("the writer starts");
    started(writer.auditor());
    let (began, cpu) = (Instant::now(), cpu());
    traffic::record(writer.auditor(), rows).await;
    writer.flush(SOON).await.expect("the store keeps up");
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), self::cpu() - cpu);
    assert_eq!(writer.shutdown(SOON).await.stats.dropped, 0);
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
    let rows = rows as f64;
    Measured { rate: rows / seconds, cpu_micros: cpu * 1e6 / rows }
}

/// Seconds that this process has had of all processors.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux tells");
    // The name, in parentheses, may hold anything.
    let (_, after) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks = after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number"));
    ticks.sum::<f64>() / TICKS_PER_SECOND
}
