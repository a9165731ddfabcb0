//! Looks at what waits on disk.

use std::path::Path;

use chrono::{TimeDelta, Utc};

use super::Finding;
use crate::journal;

const CHECK: &str = "journal";
/// A living writer's entry that is older waits for a store that is away.
const SOON: TimeDelta = TimeDelta::seconds(60);

/// What lies in the directory that a service's writers keep their journals in. Changes nothing, and blocks on the disk.
#[must_use]
pub fn journal(directory: &Path) -> Finding {
    let found = match journal::inspect(directory) {
        Ok(found) => found,
        Err(error) => {
            let reason = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            let advice = "name the directory that the service was built with, and examine as the user that it runs as";
            return Finding::red(CHECK, format!("{error}{reason}"), advice);
        }
    };
    let entries = |is_alive| -> u64 {
        found.writers.iter().filter(|writer| writer.is_alive == is_alive).map(|writer| writer.entries).sum()
    };
    let (living, dead) = (entries(true), entries(false));
    let oldest = found.writers.iter().filter_map(|writer| writer.oldest).min();
    let bytes: u64 = found.writers.iter().map(|writer| writer.bytes).sum();
    let age = oldest.map_or(0, |oldest| (Utc::now() - oldest).num_seconds().max(0));
    let size = format!("{bytes} bytes, the oldest {age} s old");
    let unreadable = found.writers.iter().map(|writer| writer.damaged + writer.unreadable.len() as u64).sum::<u64>();
    if unreadable > 0 {
        let message = format!("{unreadable} places in it cannot be read");
        return Finding::yellow(
            CHECK,
            message,
            "look at `audit journal status`; an `audit.gap` entry will tell of each",
        );
    }
    if dead > 0 {
        let message = format!("{dead} entries that dead writers left are not stored ({size})");
        return Finding::yellow(CHECK, message, "start the service, which adopts them, or run `audit journal replay`");
    }
    if oldest.is_some_and(|oldest| Utc::now() - oldest > SOON) {
        let message = format!("{living} entries wait, some for longer than a minute ({size})");
        return Finding::yellow(CHECK, message, "see why the service cannot reach its store");
    }
    if !found.quarantined.is_empty() {
        let message = format!("{} files of damaged records are kept apart", found.quarantined.len());
        return Finding::yellow(CHECK, message, "find out what damaged them, and move them away");
    }
    match living {
        0 => Finding::green(CHECK, format!("nothing waits in {}", directory.display())),
        _ => Finding::green(CHECK, format!("{living} entries in {}, on their way ({size})", directory.display())),
    }
}
