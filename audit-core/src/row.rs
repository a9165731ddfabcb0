//! An entry as the log holds it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ActorType, Metadata, Outcome};

/// An entry as the log holds it: one field per column of `audit_logs`, by the column's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Row {
    /// The entry's id, a UUIDv7 of `created_at`; an imported row keeps the id that it had.
    pub id: Uuid,
    /// Who did it; NULL once erased.
    pub actor_id: Option<String>,
    /// The kind of actor.
    pub actor_type: ActorType,
    /// What was done.
    pub action: String,
    /// The kind of thing it was done to.
    pub target_type: String,
    /// The thing it was done to; NULL when a creation failed, or once erased.
    pub target_id: Option<String>,
    /// Named details.
    pub metadata: Metadata,
    /// The client's address.
    pub ip_address: Option<IpAddr>,
    /// The client program's own words about itself.
    pub user_agent: Option<String>,
    /// When the outcome was fixed, to the microsecond.
    pub created_at: DateTime<Utc>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was kept of the error.
    pub error: Option<String>,
    /// How long the call took, in µs.
    pub duration_us: Option<i64>,
    /// The `attempted` entry that announced this one.
    pub attempt_id: Option<Uuid>,
    /// The request it belongs to.
    pub request_id: Option<String>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
    /// The span it belongs to.
    pub span_id: Option<String>,
    /// The tenant on whose data the work was done.
    pub tenant_id: Option<String>,
    /// The account that the actor impersonated.
    pub on_behalf_of: Option<String>,
    /// Where the entry comes from when it was no live call.
    pub origin: Option<String>,
    /// When the database took it, by the database's clock. `None` until then.
    pub recorded_at: Option<DateTime<Utc>>,
    /// The stream whose batches carry it.
    pub stream_id: Uuid,
    /// Its place in the stream.
    pub seq: i64,
    /// 16 random bytes from which the commitments' salts derive; NULL once a field is erased.
    #[serde(skip)]
    pub salt: Option<[u8; 16]>,
    /// Of erased fields, the commitments that keep the row provable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<serde_json::Value>,
}
