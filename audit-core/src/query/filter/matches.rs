//! What a filter means.

use serde_json::{Number, Value};

use super::{Condition, Filter, Term, TextColumn};
use crate::Row;

impl Filter {
    /// Whether the row is one of those meant: whether every term holds of it.
    ///
    /// Free text is found in the action, the ids (of actor, target, request, trace, tenant, and on whose behalf), the
    /// target type, the user agent, the error and the origin, and in the keys, texts and numbers of the metadata.
    /// The ASCII letters may differ in case; everywhere else, they may not.
    #[must_use]
    pub fn matches(&self, row: &Row) -> bool {
        self.terms().iter().all(|term| term.matches(row))
    }
}

impl Term {
    fn matches(&self, row: &Row) -> bool {
        self.condition.holds(row) != self.negated
    }
}

impl Condition {
    fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Id(id) => row.id == *id,
            Self::Attempt(id) => row.attempt_id == Some(*id),
            Self::Text(column, pattern) => column.of(row).is_some_and(|text| pattern.matches(text)),
            Self::Actor(kind, id) => {
                row.actor_type == *kind && row.actor_id.as_deref().is_some_and(|text| id.matches(text))
            }
            Self::ActorType(kind) => row.actor_type == *kind,
            Self::Target(kind, id) => {
                row.target_type == *kind && row.target_id.as_deref().is_some_and(|text| id.matches(text))
            }
            Self::Outcome(outcome) => row.outcome == *outcome,
            Self::Ip(network) => row.ip_address.is_some_and(|address| network.contains(&address)),
            Self::Created(period) => period.contains(row.created_at),
            Self::Metadata(path, pattern) => path.matches(row.metadata.as_map(), pattern),
            Self::Anywhere(text) => is_anywhere(row, text),
        }
    }
}

fn is_anywhere(row: &Row, wanted: &str) -> bool {
    let found = |text: &str| contains_ignoring_ascii_case(text, wanted);
    TextColumn::ALL.into_iter().filter_map(|column| column.of(row)).any(found)
        || row.metadata.as_map().iter().any(|(key, value)| found(key) || is_within(value, &found))
}

/// Metadata are nested at most 32 deep, so that this ends.
fn is_within(value: &Value, found: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => digits(number).is_some_and(|text| found(&text)),
        Value::String(text) => found(text),
        Value::Array(values) => values.iter().any(|value| is_within(value, found)),
        Value::Object(object) => object.iter().any(|(key, value)| found(key) || is_within(value, found)),
    }
}

/// A number without an exponent, as RFC 8785 and PostgreSQL both write it; `None` where they differ.
fn digits(number: &Number) -> Option<String> {
    if number.is_i64() || number.is_u64() {
        return Some(number.to_string());
    }
    number.as_f64().filter(|double| (1e-6..1e21).contains(&double.abs())).map(|double| double.to_string())
}

fn contains_ignoring_ascii_case(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    wanted.is_empty() || text.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{ActorType, Metadata, Outcome};

    fn row() -> Row {
        let metadata = json!({
            "changes": { "name": "MyProject", "seats": 5, "open": true, "owner": null },
            "scopes": ["read", "write", 7],
            "a.b": { "": "x" },
            "price": 4.5,
        });
        Row {
            id: Uuid::from_u128(7),
            actor_id: Some("user_123".to_owned()),
            actor_type: ActorType::User,
            action: "project.updated".to_owned(),
            target_type: "project".to_owned(),
            target_id: Some("proj_456".to_owned()),
            metadata: Metadata::from(metadata.as_object().unwrap().clone()),
            ip_address: Some("10.1.2.3".parse().unwrap()),
            user_agent: Some("Mozilla/5.0 (X11)".to_owned()),
            created_at: "2026-11-23T09:00:00Z".parse().unwrap(),
            outcome: Outcome::Denied,
            error: Some("50% of É".to_owned()),
            duration_us: None,
            attempt_id: None,
            request_id: Some("req_9".to_owned()),
            trace_id: None,
            span_id: None,
            tenant_id: None,
            on_behalf_of: None,
            origin: None,
            recorded_at: None,
            stream_id: Uuid::nil(),
            seq: 0,
            salt: None,
            redacted: None,
        }
    }

    #[test]
    fn a_term_holds_of_the_rows_that_it_says() {
        let row = row();
        for text in [
            "actor:user_123",
            "actor:user_*",
            "actor:user/user_123",
            "action:project.*",
            "target:project/proj_456",
            "target:project/*",
            "outcome:denied",
            "ip:10.0.0.0/8",
            "ip:10.1.2.3",
            "created:2026-11-23",
            "created:2026-11-23T09:00:00Z",
            "created:2026-11-01..2026-11-23T09:00:00Z",
            "request:req_9",
            "id:00000000-0000-0000-0000-000000000007",
            "metadata.changes.name:MyProject",
            "metadata.changes.name:My*",
            "metadata.changes.seats:5",
            "metadata.changes.seats:5.0",
            "metadata.changes.open:true",
            "metadata.changes.owner:null",
            "metadata.scopes:write",
            "metadata.scopes:7",
            "metadata.price:4.5",
            "metadata.\"a.b\".\"\":x",
            // Free text: in columns, in keys, texts and numbers, ASCII letters in either case.
            "PROJ_45",
            "\"mozilla/5.0 (x11)\"",
            "\"50% of É\"",
            "scopes",
            "myproject",
            "4.5",
        ] {
            assert!(text.parse::<Filter>().unwrap().matches(&row), "{text}");
            assert!(!format!("-{text}").parse::<Filter>().unwrap().matches(&row), "-{text}");
        }
    }

    #[test]
    fn a_term_holds_of_no_other_row_and_not_of_what_is_missing() {
        let row = row();
        for text in [
            "actor:user",
            "actor:USER_123",
            "actor:system/user_123",
            "action:project",
            "target:user/proj_456",
            "ip:10.2.0.0/16",
            "ip:::/0",
            "created:>2026-11-23T09:00:00Z",
            "created:<2026-11-23T09:00:00Z",
            "created:2026-11-22",
            "tenant:acme",
            "tenant:*",
            "tenant:\"\"",
            "attempt:00000000-0000-0000-0000-000000000007",
            "metadata.changes:MyProject",
            "metadata.changes.name:myproject",
            "metadata.changes.seats:5*",
            "metadata.name:MyProject",
            "metadata.scopes:rea",
            "metadata.a.b:x",
            "\"é\"",
            "\"50_ of\"",
            "true",
        ] {
            assert!(!text.parse::<Filter>().unwrap().matches(&row), "{text}");
            assert!(format!("-{text}").parse::<Filter>().unwrap().matches(&row), "-{text}");
        }
    }
}
