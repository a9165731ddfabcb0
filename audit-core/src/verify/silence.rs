//! Streams that fell silent.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::Report;
use super::source::StoredHeader;
use crate::batch::HeaderKind;

/// A writer that lives says so more often than this, unless [`Builder::heartbeat`](crate::Builder::heartbeat) asks it not to.
const SILENT_AFTER: TimeDelta = TimeDelta::hours(1);

/// A stream that was opened and not closed, and of which nothing has come for an hour. Its writer was killed, or it runs and
/// cannot reach the log, or the end of the stream was cut off before it was sealed: nobody can tell from the log alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Silence {
    /// When the database took its last batch.
    pub since: DateTime<Utc>,
    /// The stream.
    pub stream_id: Uuid,
    /// Its last batch.
    pub batch_no: i64,
}

/// Follows streams from header to header. Those that were never opened are nobody's to close: batches that moved to a stream of
/// their own, and what comes from the outbox.
#[derive(Debug)]
pub(super) struct Silences {
    now: DateTime<Utc>,
    /// The last header of the stream that is looked at, unless it was never opened.
    last: Option<(Silence, HeaderKind)>,
    found: BTreeSet<Silence>,
    count: u64,
}

impl Silences {
    pub(super) const fn until(now: DateTime<Utc>) -> Self {
        Self { now, last: None, found: BTreeSet::new(), count: 0 }
    }

    /// The next header, by stream and number.
    pub(super) fn take(&mut self, StoredHeader { header, db_time }: &StoredHeader) {
        let is_same = self.last.is_some_and(|(last, _)| last.stream_id == header.stream_id);
        if !is_same {
            self.end_stream();
        }
        if is_same || header.kind == HeaderKind::Open {
            let silence = Silence { since: *db_time, stream_id: header.stream_id, batch_no: header.batch_no };
            self.last = Some((silence, header.kind));
        }
    }

    /// The headers have ended.
    pub(super) fn finish(mut self, report: &mut Report) {
        self.end_stream();
        report.silent_streams = self.count;
        report.silences = self.found.into_iter().rev().collect();
    }

    fn end_stream(&mut self) {
        let Some((silence, kind)) = self.last.take() else { return };
        if kind == HeaderKind::Close || self.now.signed_duration_since(silence.since) <= SILENT_AFTER {
            return;
        }
        self.count += 1;
        self.found.insert(silence);
        if self.found.len() > Report::MOST_SILENCES {
            self.found.pop_first();
        }
    }
}
