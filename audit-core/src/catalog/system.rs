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
}
