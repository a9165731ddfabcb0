//! What an hour without a database costs in memory and on disk: 3.6 million entries, as 1,000 a second make, as fast as the
//! journal takes them. It looks at the memory of the whole process, in which nothing else may be done.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use audit_core::{ActionName, Actor, Auditor, Context, Entry, Overflow, WaitForStore, context};
use serde_json::json;

use crate::findings::Findings;
use crate::machine::resident;

/// Entries by themselves.
pub const ROWS: u64 = 3_600_000;
const TASKS: usize = 8;
/// Above the memory of an idle program.
const LIMIT: u64 = 64 << 20;
/// While the journal takes them, no more than this many entries are in memory at once: a thousand a second are not more.
const AHEAD: u64 = 10_000;
/// Nothing listens there.
const AWAY: &str = "postgres://postgres@127.0.0.1:9/audit?sslmode=disable";

/// Records so many entries while there is no database. Prints what they took.
///
/// # Panics
///
/// When memory or journal grow beyond their limits.
pub async fn run(entries: u64) -> Findings {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal_bytes = 1 << 30;
    let is_full = Arc::new(AtomicBool::new(false));
    let writer = Auditor::builder()
        .url(AWAY)
        .journal(folder.path())
        .journal_bytes(journal_bytes)
        .overflow(Overflow::Drop)
        .wait_for_store(WaitForStore::No)
        .start()
        .await
        .expect("nothing needs the store yet");
    let idle = resident();
    let began = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            tokio::spawn(record(writer.auditor().clone(), Arc::clone(&is_full), (task as u64..entries).step_by(TASKS)))
        })
        .collect();
    let mut most = idle;
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(resident());
        // A segment may be about to be begun.
        is_full.store(bytes_below(folder.path()) + (16 << 20) > journal_bytes, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (time, disk, stats) = (began.elapsed(), bytes_below(folder.path()), writer.stats());
    println!(
        "{} entries in {time:.0?}: {} in the journal ({} MiB), {} in memory, {} dropped",
        stats.emitted,
        stats.journaled,
        disk >> 20,
        stats.waiting - stats.journaled,
        stats.dropped
    );
    println!("memory: {} MiB idle, {} MiB more at most", idle >> 20, (most - idle) >> 20);
    assert!(disk <= journal_bytes, "the journal is beyond its limit");
    assert!(most - idle < LIMIT, "beyond 64 MiB");
    let report = writer.shutdown(Duration::from_secs(1)).await;
    assert!(report.stats.is_balanced(), "{report:?}");
    let figures = json!({
        "rows": entries, "seconds": time.as_secs_f64(), "journal_bytes": disk, "journaled": stats.journaled,
        "dropped": stats.dropped, "idle_bytes": idle, "most_bytes": most,
    });
    #[expect(clippy::cast_precision_loss, reason = "MiB need no more")]
    let mebibytes = (most - idle) as f64 / f64::from(1 << 20);
    Findings::new("outage", figures).measured("memory", mebibytes)
}

async fn record(auditor: Auditor, is_full: Arc<AtomicBool>, calls: impl Iterator<Item = u64>) {
    let request = Context::new().with_actor(Actor::user("user_123")).with_ip_address([192, 168, 1, 1]);
    context::scope(request, async {
        for call in calls {
            let action = ActionName::unlisted("project.renamed").expect("a well-formed name");
            let entry = Entry::builder(action).target_id(format!("proj_{call}")).metadata("name", "New name").build();
            // Once the journal is full, entries are dropped and counted, as the overflow policy says.
            let _ = auditor.record(entry).await;
            while is_ahead(&auditor) && !is_full.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    })
    .await;
}

fn is_ahead(auditor: &Auditor) -> bool {
    let stats = auditor.stats();
    stats.waiting - stats.journaled > AHEAD
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("the journal is there").flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
