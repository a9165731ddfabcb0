//! The library's own actions.

use uuid::Uuid;

use crate::{Actor, Catalog, Entry};

/// What the library itself records.
#[derive(Debug, Clone, PartialEq, Catalog)]
#[audit(attribute = "system_audited")]
pub enum SystemAction {
    /// Entries were lost before they reached the log.
    #[audit(action = "audit.gap", target = "audit_log")]
    AuditGap {
        /// How many, where anybody can tell.
        dropped: Option<i64>,
        /// Why.
        reason: String,
        /// From which stream, where a damaged journal's record took them along.
        stream_id: Option<String>,
        /// From which of its batches on.
        batch_no: Option<i64>,
    },
    /// Somebody looked at entries.
    #[audit(action = "audit_log.viewed", target = "audit_log")]
    AuditLogViewed {
        /// With what: a command, or the viewer.
        command: String,
        /// What was asked for, in the language of queries.
        filter: String,
    },
    /// Personal values of entries were erased.
    #[audit(action = "audit.redacted", target = "audit_log")]
    AuditRedacted {
        /// Of which entries.
        ids: Vec<String>,
        /// The columns, and the keys of metadata as `metadata.KEY`.
        fields: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Entries are kept, whatever else is said, until the hold is released.
    #[audit(action = "audit.hold_added", target = "audit_hold")]
    AuditHoldAdded {
        /// Why.
        reason: String,
    },
    /// Entries are not kept any longer than others.
    #[audit(action = "audit.hold_removed", target = "audit_hold")]
    AuditHoldRemoved {
        /// Why.
        reason: String,
    },
    /// Old rows were taken out of the log.
    #[audit(action = "audit.pruned", target = "audit_log")]
    AuditPruned {
        /// Rows created then or later (RFC 3339).
        since: String,
        /// Rows created before then (RFC 3339).
        until: String,
        /// How many.
        rows: i64,
    },
}

impl SystemAction {
    /// The entry that tells of lost ones; of those that a damaged journal held, with the stream and the number of their batch.
    pub(crate) fn gap(dropped: Option<u64>, reason: &str, batch: Option<(Uuid, i64)>) -> Entry {
        let gap = Self::AuditGap {
            dropped: dropped.map(|dropped| i64::try_from(dropped).unwrap_or(i64::MAX)),
            reason: reason.to_owned(),
            stream_id: batch.map(|(stream_id, _)| stream_id.to_string()),
            batch_no: batch.map(|(_, batch_no)| batch_no),
        };
        Entry::builder(gap).actor(Actor::system("audit")).build()
    }
}
