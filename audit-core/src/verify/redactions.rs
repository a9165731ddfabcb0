//! What was erased, and whether the log says so.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{Break, Report};
use crate::encoding::Redacted;
use crate::{Metadata, Outcome, Row};

/// The action of entries that tell of erasures.
const ACTION: &str = "audit.redacted";

/// An erasure that the log tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Redaction {
    /// When it was done.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// Of how many rows.
    pub rows: usize,
    /// Which fields.
    pub fields: Vec<String>,
}

/// What of a row concerns erasures.
#[derive(Debug, Clone, Default)]
pub(super) struct Concern {
    /// Its fields that were erased.
    erased: Vec<String>,
    /// What it tells of others.
    tells: Option<Box<Told>>,
}

#[derive(Debug, Clone)]
struct Told {
    ids: Vec<Uuid>,
    redaction: Redaction,
    is_done: bool,
}

impl Concern {
    pub(super) fn of(row: &Row) -> Self {
        let redacted = row.redacted.as_ref().and_then(Redacted::parse).unwrap_or_default();
        // The marks go with a field whose hash they hold.
        let marks = format!("metadata.{}", Metadata::MARKS);
        let erased = redacted.erased.into_keys().filter(|field| *field != marks).collect();
        Self { erased, tells: (row.action == ACTION).then(|| Box::new(Told::of(row))) }
    }
}

impl Told {
    fn of(row: &Row) -> Self {
        let texts = |name: &str| -> Vec<String> {
            let list = row.metadata.get(name).and_then(|list| list.as_array().cloned()).unwrap_or_default();
            list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let ids: Vec<_> = texts("ids").iter().filter_map(|id| id.parse().ok()).collect();
        let reason = row.metadata.get("reason").and_then(|reason| reason.as_str()).unwrap_or_default().to_owned();
        let (at, by, rows) = (row.created_at, row.actor_id.clone(), ids.len());
        let redaction = Redaction { at, by, reason, rows, fields: texts("fields") };
        Self { ids, redaction, is_done: row.outcome != Outcome::Attempted }
    }
}

/// Erased fields of which no entry has told so far. Entries come later than the rows that they tell of, but for rows of a writer
/// whose clock was ahead.
#[derive(Debug, Default)]
pub(super) struct Untold {
    rows: HashMap<Uuid, (DateTime<Utc>, BTreeSet<String>)>,
    /// What was told of rows that are still to come, by their ids.
    ahead: HashMap<Uuid, BTreeSet<String>>,
}

impl Untold {
    pub(super) fn take(&mut self, id: Uuid, created_at: DateTime<Utc>, concern: Concern, report: &mut Report) {
        if !concern.erased.is_empty() {
            report.redacted_rows += 1;
            let told = self.ahead.remove(&id).unwrap_or_default();
            let untold: BTreeSet<_> = concern.erased.into_iter().filter(|field| !told.contains(field)).collect();
            if !untold.is_empty() {
                self.rows.insert(id, (created_at, untold));
            }
        }
        let Some(told) = concern.tells else { return };
        let Told { ids, redaction, is_done } = *told;
        for id in ids {
            if let Some((_, fields)) = self.rows.get_mut(&id) {
                fields.retain(|field| !redaction.fields.contains(field));
                if fields.is_empty() {
                    self.rows.remove(&id);
                }
            } else if is_made_after(id, created_at) {
                self.ahead.entry(id).or_default().extend(redaction.fields.iter().cloned());
            }
        }
        if is_done && report.redactions.len() < Report::MOST_REDACTIONS {
            report.redactions.push(redaction);
        }
    }

    /// The rows have ended.
    pub(super) fn finish(self, report: &mut Report) {
        let mut left: Vec<_> = self.rows.into_iter().collect();
        left.sort_unstable_by_key(|(id, (created_at, _))| (*created_at, *id));
        for (id, (created_at, fields)) in left {
            let fields = fields.into_iter().collect::<Vec<_>>().join(", ");
            report.add(Break::UntoldErasure { id, created_at, fields });
        }
    }
}

/// Whether an id was made in this millisecond or later.
fn is_made_after(id: Uuid, time: DateTime<Utc>) -> bool {
    let made = id.get_timestamp().map(|made| made.to_unix());
    let made = made.and_then(|(seconds, nanos)| DateTime::from_timestamp(seconds.try_into().ok()?, nanos));
    made.is_some_and(|made| made.timestamp_millis() >= time.timestamp_millis())
}
