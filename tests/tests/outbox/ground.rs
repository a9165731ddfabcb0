//! A log with its outbox, and what is found in both.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use audit_core::query::{Query, Reader};
use audit_core::store::Schema;
use audit_core::{ActionName, Actor, Auditor, Builder, Entry, Row};
use uuid::Uuid;

/// Everything that is waited for has happened by then, on a slow machine too.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) fn entry(target: impl Into<String>) -> Entry {
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    Entry::builder(action).actor(Actor::user("user_1")).target_id(target).build()
}

/// A writer that has given itself the time to be tested.
pub(crate) fn writer(url: &str) -> Builder {
    Auditor::builder().url(url).lanes(1).longest_pause(Duration::from_millis(200))
}

/// Every row of the log, in the order of its stream.
pub(crate) async fn rows(url: &str) -> Vec<Row> {
    let reader = Reader::connect(url, &Schema::default()).await.expect("the log is there");
    let mut query = Query::new().limit(1_000);
    let mut rows = Vec::new();
    loop {
        let page = reader.page(&query).await.expect("the log can be read");
        rows.extend(page.rows);
        let Some(next) = page.next else { break };
        query = query.after(next);
    }
    rows.sort_by_key(|row| (row.stream_id, row.seq));
    rows
}

/// Waits until the log holds so many rows, and for nothing longer.
pub(crate) async fn stored(url: &str, count: usize) -> Vec<Row> {
    let deadline = Instant::now() + SOON;
    loop {
        let rows = rows(url).await;
        if rows.len() >= count {
            return rows;
        }
        assert!(Instant::now() < deadline, "{} of {count} rows are stored", rows.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every committed entry is stored exactly once, nothing else is, and no stream has a gap.
#[track_caller]
pub(crate) fn assert_exactly(rows: &[Row], committed: &HashSet<Uuid>) {
    let found: HashSet<Uuid> = rows.iter().map(|row| row.id).collect();
    assert_eq!(found.len(), rows.len(), "an entry is stored twice");
    assert_eq!(found.difference(committed).count(), 0, "what was rolled back is stored");
    assert_eq!(committed.difference(&found).count(), 0, "what was committed is not stored");
    let mut expected = (Uuid::nil(), 0);
    for row in rows {
        if row.stream_id != expected.0 {
            expected = (row.stream_id, 0);
        }
        assert_eq!(row.seq, expected.1, "stream {} has a gap", row.stream_id);
        expected.1 += 1;
    }
}
