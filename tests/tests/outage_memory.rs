//! An outage costs disk, not memory. Alone in its process, whose memory it watches.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit_core::{ActionName, Actor, Auditor, Entry};
use tempfile::TempDir;
use tests::scripted::ScriptedStore;

const SOON: Duration = Duration::from_mins(2);
const ENTRIES: u64 = 20_000;
/// What waits in memory at most, so that the queue's own bound does not show.
const MOST_IN_MEMORY: u64 = 1_000;
const MOST_GROWTH: u64 = 32 << 20;

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is in there");
    let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    kilobytes << 10
}

#[tokio::test]
async fn what_waits_for_the_store_lies_on_disk_and_not_in_memory() {
    let root = TempDir::new().expect("a directory");
    let store = ScriptedStore::default();
    store.shut();
    let builder = Auditor::builder().store(Arc::new(store)).journal(root.path()).lanes(2);
    let writer = builder.linger(Duration::from_millis(5)).start().await.expect("the writer starts");
    let before = resident();
    let mut most = 0;
    let deadline = Instant::now() + SOON;
    for number in 0..ENTRIES {
        let action = ActionName::unlisted("door.opened").expect("a well-formed name");
        let entry = Entry::builder(action).target_id(format!("door_{number}")).actor(Actor::user("user_123"));
        let entry = entry.metadata("reason", &"x".repeat(1_000)).build();
        writer.auditor().record(entry).await.expect("there is room in time");
        let in_memory = if number + 1 == ENTRIES { 0 } else { MOST_IN_MEMORY };
        while writer.stats().journaled + in_memory <= number {
            assert!(Instant::now() < deadline, "not everything came to the journal: {:?}", writer.stats());
            tokio::task::yield_now().await;
        }
        if number % 1_000 == 0 {
            most = most.max(resident());
        }
    }
    let grown = most.max(resident()).saturating_sub(before);
    assert!(grown < MOST_GROWTH, "{grown} bytes more for {ENTRIES} entries");
    let report = writer.shutdown(Duration::from_millis(1)).await;
    assert_eq!((report.journaled, report.lost), (ENTRIES, 0));
    println!("{grown} bytes more for {ENTRIES} entries");
}
