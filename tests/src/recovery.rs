//! What happens after the faults: somebody adopts what dead programs left behind.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use audit_core::{Auditor, Builder, Stats, WaitForStore};
use sqlx::{Connection as _, PgConnection};

const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(10);

/// Starts a writer that records nothing, waits until it has stored all that lies in a journal and in the outbox, for as long
/// as it goes on storing, and ends it. Nobody else writes to either meanwhile.
pub async fn recover(url: &str, journal: &Path) -> Stats {
    let builder = Auditor::builder().url(url).journal(journal).longest_pause(Duration::from_millis(100));
    recover_with(builder, url, journal).await
}

/// [`recover`] with settings.
pub async fn recover_with(builder: Builder, url: &str, journal: &Path) -> Stats {
    let writer = builder.wait_for_store(WaitForStore::AtMost(PATIENCE)).start().await.expect("the writer starts");
    let (mut stored, mut deadline) = (0, Instant::now() + PATIENCE);
    while writers(journal) > 1 || writer.stats().waiting > 0 || !outbox_is_empty(url).await {
        let stats = writer.stats();
        if stats.stored > stored {
            (stored, deadline) = (stats.stored, Instant::now() + PATIENCE);
        }
        assert!(Instant::now() < deadline, "a journal is not adopted: {stats:?}");
        tokio::time::sleep(POLL).await;
    }
    let report = writer.shutdown(PATIENCE).await;
    assert!(report.stats.is_balanced(), "{report:?}");
    report.stats
}

async fn outbox_is_empty(url: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.expect("the server takes connections");
    let sql = "SELECT NOT EXISTS (SELECT FROM control_plane.audit_outbox)";
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("the outbox is there")
}

/// How many writers have a part of the journal: each has a directory, and its adopter removes it.
#[must_use]
pub fn writers(journal: &Path) -> usize {
    let entries = fs::read_dir(journal).expect("the journal is there");
    entries.flatten().filter(|entry| entry.path().is_dir()).count()
}
