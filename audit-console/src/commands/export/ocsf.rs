//! Entries for security tools (OCSF 1.3.0, Entity Management).

use audit_core::catalog::ocsf::{self, CATEGORY_NAME, CATEGORY_UID, CLASS_NAME, CLASS_UID, VERSION};
use audit_core::{ActorType, Outcome, Row};
use serde_json::{Map, Value, json};

/// What stands for an id that was erased.
const ERASED: &str = "(erased)";

/// An entry as an event. What the schema has no place for is in `unmapped`.
pub(super) fn event(row: &Row) -> Value {
    let activity = ocsf::activity(&row.action);
    let (severity_id, severity) = severity(row.outcome);
    let (status_id, status) = status(row.outcome);
    let target = row.target_id.as_deref().map_or_else(String::new, |id| format!(" {id}"));
    let actor = row.actor_id.as_deref().unwrap_or(ERASED);
    let mut event = json!({
        "category_uid": CATEGORY_UID,
        "category_name": CATEGORY_NAME,
        "class_uid": CLASS_UID,
        "class_name": CLASS_NAME,
        "activity_id": activity.id,
        "activity_name": activity.name,
        "type_uid": ocsf::type_uid(activity),
        "type_name": format!("{CLASS_NAME}: {}", activity.name),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "time": row.created_at.timestamp_millis(),
        "message": format!("{} {actor}: {} of {}{target}: {}", row.actor_type, row.action, row.target_type, row.outcome),
        "actor": { "user": user(row.actor_type, actor) },
        "entity": entity(row),
        "metadata": metadata(row),
        "unmapped": unmapped(row),
    });
    let optional = [
        ("status_detail", row.error.as_deref().map(Value::from)),
        ("duration", row.duration_us.map(|micros| json!(micros / 1_000))),
        ("src_endpoint", row.ip_address.map(|address| json!({ "ip": address }))),
        ("http_request", row.user_agent.as_deref().map(|agent| json!({ "user_agent": agent }))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            event[name] = value;
        }
    }
    event
}

const fn severity(outcome: Outcome) -> (u32, &'static str) {
    match outcome {
        Outcome::Success | Outcome::Attempted => (1, "Informational"),
        Outcome::Failure | Outcome::Cancelled => (2, "Low"),
        Outcome::Denied | Outcome::Panicked => (3, "Medium"),
    }
}

const fn status(outcome: Outcome) -> (u32, &'static str) {
    match outcome {
        Outcome::Success => (1, "Success"),
        Outcome::Attempted => (99, "attempted"),
        Outcome::Failure | Outcome::Denied | Outcome::Cancelled | Outcome::Panicked => (2, "Failure"),
    }
}

fn user(kind: ActorType, id: &str) -> Value {
    let (type_id, kind) = match kind {
        ActorType::User => (1, "User"),
        ActorType::System => (3, "System"),
        ActorType::ApiKey => (99, "api_key"),
    };
    json!({ "uid": id, "type_id": type_id, "type": kind })
}

fn entity(row: &Row) -> Value {
    match &row.target_id {
        Some(id) => json!({ "uid": id, "type": row.target_type }),
        // An entity has a name or an id.
        None => json!({ "name": row.target_type, "type": row.target_type }),
    }
}

fn metadata(row: &Row) -> Value {
    let mut metadata = json!({
        "version": VERSION,
        "product": { "name": "audit", "vendor_name": "audit-core", "version": env!("CARGO_PKG_VERSION") },
        "uid": row.id,
        "event_code": row.action,
        "log_name": "audit_logs",
        "sequence": row.seq,
    });
    let optional = [
        ("correlation_uid", row.request_id.as_deref().map(Value::from)),
        ("tenant_uid", row.tenant_id.as_deref().map(Value::from)),
        ("logged_time", row.recorded_at.map(|at| json!(at.timestamp_millis()))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            metadata[name] = value;
        }
    }
    metadata
}

fn unmapped(row: &Row) -> Map<String, Value> {
    let text = |value: &Option<String>| value.as_deref().map(Value::from);
    let all = [
        ("action", Some(json!(row.action))),
        ("outcome", Some(json!(row.outcome))),
        ("created_at", Some(json!(row.created_at))),
        ("metadata", Some(json!(row.metadata)).filter(|_| !row.metadata.is_empty())),
        ("on_behalf_of", text(&row.on_behalf_of)),
        ("trace_id", text(&row.trace_id)),
        ("span_id", text(&row.span_id)),
        ("origin", text(&row.origin)),
        ("attempt_id", row.attempt_id.map(|id| json!(id))),
        ("stream_id", Some(json!(row.stream_id))),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
