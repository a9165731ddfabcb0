//! How the outbox holds an entry.

use std::net::IpAddr;
use std::panic::{self, AssertUnwindSafe};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::batch::Draft;
use crate::{ActorType, Entry, Metadata, Outcome, Row};

/// An entry as the outbox holds it: sanitised, with its id, its time and its salt, and without a place in a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: Uuid,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) salt: [u8; 16],
    /// JSON that every store gives back unchanged.
    pub(crate) entry: String,
}

/// The columns that stand in the JSON. The metadata is text within it, because databases rewrite JSON.
#[derive(Serialize, Deserialize)]
struct Columns {
    actor_id: Option<String>,
    actor_type: ActorType,
    action: String,
    target_type: String,
    target_id: Option<String>,
    /// RFC 8785.
    metadata: String,
    ip_address: Option<IpAddr>,
    user_agent: Option<String>,
    outcome: Outcome,
    error: Option<String>,
    duration_us: Option<i64>,
    attempt_id: Option<Uuid>,
    request_id: Option<String>,
    trace_id: Option<String>,
    span_id: Option<String>,
    tenant_id: Option<String>,
    on_behalf_of: Option<String>,
    origin: Option<String>,
}

impl Record {
    /// Sanitises an entry, and gives it its salt.
    pub(crate) fn of(entry: Entry, now: DateTime<Utc>) -> Self {
        let Draft { row, metadata, .. } = Draft::of(entry, now);
        let (id, created_at) = (row.id, row.created_at);
        let columns = Columns {
            actor_id: row.actor_id,
            actor_type: row.actor_type,
            action: row.action,
            target_type: row.target_type,
            target_id: row.target_id,
            metadata: metadata.into_text(),
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            outcome: row.outcome,
            error: row.error,
            duration_us: row.duration_us,
            attempt_id: row.attempt_id,
            request_id: row.request_id,
            trace_id: row.trace_id,
            span_id: row.span_id,
            tenant_id: row.tenant_id,
            on_behalf_of: row.on_behalf_of,
            origin: row.origin,
        };
        let entry = serde_json::to_string(&columns).expect("texts and numbers have a JSON form");
        Self { id, created_at, salt: rand::random(), entry }
    }

    /// The row, ready to be frozen. Rows can be written by hand: texts and times are sanitised once more, and whatever
    /// is no entry of ours is kept whole in the metadata, and marked.
    pub(crate) fn thaw(self, now: DateTime<Utc>) -> Draft {
        let thawed = panic::catch_unwind(AssertUnwindSafe(|| {
            serde_json::from_str(&self.entry).map(|columns| Draft::kept(self.row(columns), now))
        }));
        match thawed {
            Ok(Ok(draft)) => draft,
            Ok(Err(error)) => self.strange(&error.to_string(), now),
            Err(_) => self.strange("its details cannot be read; the panic's message tells why", now),
        }
    }

    fn row(&self, columns: Columns) -> Row {
        Row {
            id: self.id,
            actor_id: columns.actor_id,
            actor_type: columns.actor_type,
            action: columns.action,
            target_type: columns.target_type,
            target_id: columns.target_id,
            metadata: Metadata::from_json(&columns.metadata),
            ip_address: columns.ip_address,
            user_agent: columns.user_agent,
            created_at: self.created_at,
            outcome: columns.outcome,
            error: columns.error,
            duration_us: columns.duration_us,
            attempt_id: columns.attempt_id,
            request_id: columns.request_id,
            trace_id: columns.trace_id,
            span_id: columns.span_id,
            tenant_id: columns.tenant_id,
            on_behalf_of: columns.on_behalf_of,
            origin: columns.origin,
            recorded_at: None,
            stream_id: Uuid::nil(),
            seq: 0,
            salt: Some(self.salt),
            redacted: None,
        }
    }

    fn strange(self, error: &str, now: DateTime<Utc>) -> Draft {
        tracing::error!(id = %self.id, error, "a row of audit_outbox holds no entry; it goes to the log as it is");
        let action = crate::ActionName::listed("audit.gap");
        let mut entry = Entry::at(std::time::SystemTime::now(), action, "audit_log".into());
        (entry.id, entry.created_at) = (self.id, self.created_at);
        entry.outcome = Outcome::Failure;
        entry.metadata.field("dropped", 1.into());
        entry.metadata.field("reason", "outbox_row_unreadable".into());
        entry.metadata.field("row", Value::String(self.entry));
        let mut draft = Draft::of(entry, now);
        draft.row.salt = Some(self.salt);
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActionName, Actor, sanitise};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp_micros(1_750_000_000_123_456).expect("a moment")
    }

    /// A row that somebody wrote by hand, whose metadata and target are these.
    fn by_hand(metadata: &str, target_id: &str) -> Record {
        let entry = serde_json::json!({
            "actor_type": "user", "action": "door.opened", "target_type": "door", "target_id": target_id,
            "metadata": metadata, "outcome": "success",
        });
        Record { id: Uuid::nil(), created_at: DateTime::UNIX_EPOCH, salt: [0; 16], entry: entry.to_string() }
    }

    #[test]
    fn a_row_written_by_hand_panics_nobody() {
        for strange in ["5", "[1]", "null", r#"{"changed":5}"#, r#"{"changed":{"a":1}}"#] {
            let draft = by_hand(&format!(r#"{{"_audit":{strange}}}"#), "door_1").thaw(now());
            let text = draft.metadata.into_text();
            assert!(text.contains("clamped"), "the time is marked: {text}");
            let original = strange.trim_start_matches(r#"{"changed":"#);
            assert!(text.contains(original.trim_end_matches('}')), "what stood there is kept: {text}");
        }
    }

    #[test]
    fn a_row_written_by_hand_is_sanitised() {
        let draft = by_hand(r#"{"note":"a\u0000b"}"#, &"x".repeat(9_000)).thaw(now());
        assert_eq!(draft.row.target_id.map(|id| id.len()), Some(sanitise::MAX_ID_BYTES));
        assert!(!draft.metadata.as_str().contains("\\u0000"));
    }

    #[test]
    fn an_entry_comes_out_of_the_outbox_as_it_went_in() {
        let mut entry = Entry::builder(ActionName::unlisted("door.opened").expect("a name"))
            .actor(Actor::user("u".repeat(600)))
            .target_id("door\0");
        for (name, text) in
            [("huge", "1e17"), ("wide", "9007199254740993"), ("tiny", "1e-7"), ("list", "[1.0,{\"a\":-0.0}]")]
        {
            entry = entry.metadata(name, &serde_json::from_str::<Value>(text).expect("JSON"));
        }
        let mut entry = entry.build();
        entry.created_at = DateTime::UNIX_EPOCH;
        let drafted = Draft::of(entry.clone(), now());
        let thawed = Record::of(entry, now()).thaw(now());
        assert_eq!(thawed.metadata, drafted.metadata);
        assert_eq!((thawed.row.actor_id, thawed.row.target_id), (drafted.row.actor_id, drafted.row.target_id));
        assert_eq!(thawed.row.created_at, drafted.row.created_at);
    }
}
