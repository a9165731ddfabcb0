//! What one test has recorded, and its clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::batch::Draft;
use crate::{Entry, Row};

/// 2026-01-01 00:00:00 UTC, in milliseconds since 1970.
const BEGIN: u64 = 1_767_225_600_000;

#[derive(Debug, Default)]
pub(crate) struct Captured {
    rows: Mutex<Vec<Row>>,
    /// How many ids were given.
    ids: AtomicU64,
    /// How many ids were given to requests that came without.
    #[cfg(any(feature = "tower", feature = "actix-web"))]
    requests: AtomicU64,
}

impl Captured {
    pub(crate) fn take_in(&self, mut entry: Entry) {
        entry.duration = entry.duration.map(|_| Duration::ZERO);
        let frozen_at = entry.created_at;
        let Draft { mut row, metadata, .. } = Draft::of(entry, frozen_at);
        row.metadata = metadata.into();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        row.seq = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        rows.push(row);
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next id, and its time: `at`, or that of the test's clock.
    pub(crate) fn identify(&self, at: Option<SystemTime>) -> (Uuid, DateTime<Utc>) {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        let at = at.unwrap_or_else(|| SystemTime::UNIX_EPOCH + Duration::from_millis(BEGIN + number));
        identified(at, [0; 2], number)
    }

    /// The next id of a request, all of the test's beginning: they take nothing of the clock of entries.
    #[cfg(any(feature = "tower", feature = "actix-web"))]
    pub(crate) fn identify_request(&self) -> Uuid {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(BEGIN);
        identified(at, *b"rq", number).0
    }
}

/// A `UUIDv7` with a number for its random part, and its time.
fn identified(at: SystemTime, kind: [u8; 2], number: u64) -> (Uuid, DateTime<Utc>) {
    let (_, created_at) = crate::entry::identify(at);
    let mut bits = [0; 10];
    bits[..2].copy_from_slice(&kind);
    bits[2..].copy_from_slice(&number.to_be_bytes());
    let millis = u64::try_from(created_at.timestamp_millis()).unwrap_or_default();
    (uuid::Builder::from_unix_timestamp_millis(millis, &bits).into_uuid(), created_at)
}
