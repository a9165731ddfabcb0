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
