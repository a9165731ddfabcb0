//! The library's own actions.

use crate::Catalog;

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
