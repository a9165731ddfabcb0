//! Landing what dead writers left, without a service.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{Inspection, inspect};
use crate::store::Schema;
use crate::{Auditor, Error, Outbox, Stats, WaitForStore};

/// The pause between two looks at what is left.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long the writer may take to end.
const END_WITHIN: Duration = Duration::from_secs(5);

/// What came of a replay.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Replayed {
    /// The accounts of the writer that did it.
    pub stats: Stats,
    /// What lies in the directory afterwards.
    pub left: Inspection,
}

/// Adopts the journals of dead writers now, and lands them in the log at a URL, in the same way as the writer of a service
/// does. Gives up at the deadline; what is left then stays where it is.
///
/// # Errors
///
/// When the store cannot be reached by the deadline, or the directory cannot be written.
///
/// # Cancellation
///
/// Blocks for at most five seconds, to end the writer. What was not landed stays in the journal.
pub async fn replay(directory: &Path, url: &str, schema: &Schema, deadline: Duration) -> Result<Replayed, Error> {
    // Made by nobody's mistake in a name.
    inspect(directory)?;
    let until = Instant::now() + deadline;
    let writer = Auditor::builder()
        .url(url)
        .schema(schema.as_str())
        .service_name("audit journal replay")
        .migrate(crate::Migrate::Skip)
        .outbox(Outbox::Leave)
        .journal(directory)
        .wait_for_store(WaitForStore::AtMost(deadline))
        .start()
        .await?;
    while !writer.auditor().has_adopted() && Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let stats = writer.shutdown(END_WITHIN).await.stats;
    Ok(Replayed { stats, left: inspect(directory)? })
}
