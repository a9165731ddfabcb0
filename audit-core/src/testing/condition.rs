//! One condition of an assertion: a field, and the value that it has.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::Row;

/// A field of a row, and the value that it is to have.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The field's name, and keys within it.
    path: &'static [&'static str],
    value: Value,
}

impl Condition {
    /// What `path = value` means in an assertion.
    ///
    /// # Panics
    ///
    /// When the value does not serialise.
    #[must_use]
    #[track_caller]
    pub fn new<T: Serialize + ?Sized>(path: &'static [&'static str], value: &T) -> Self {
        let value = serde_json::to_value(value).unwrap_or_else(|error| panic!("{}: {error}", path.join(".")));
        Self { path, value }
    }

    /// What the row has instead, if it has not the value; nothing of its own where the field is absent.
    pub(super) fn differs(&self, row: &Row) -> Option<Value> {
        let values = match self.path {
            ["target"] => either(&row.target_type, row.target_id.as_deref()),
            ["actor"] => either(row.actor_type.as_str(), row.actor_id.as_deref()),
            [field, keys @ ..] => vec![column(row, field, keys)],
            [] => Vec::new(),
        };
        if values.contains(&self.value) {
            return None;
        }
        Some(values.into_iter().next().unwrap_or_default())
    }
}

fn column(row: &Row, field: &str, keys: &[&str]) -> Value {
    let columns = serde_json::to_value(row).expect("a row serialises");
    let Some(column) = columns.get(field) else {
        let known: Vec<_> = columns.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        panic!("an audit entry has no field `{field}`; it has target, actor, {}", known.join(", "));
    };
    let mut value = Some(column);
    for key in keys {
        value = value.and_then(|value| value.get(key.trim_start_matches("r#")));
    }
    value.cloned().unwrap_or_default()
}

/// `TYPE:ID`, and the id alone.
fn either(kind: &str, id: Option<&str>) -> Vec<Value> {
    match id {
        Some(id) => vec![format!("{kind}:{id}").into(), id.into()],
        None => vec![Value::Null],
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.path.join("."), self.value)
    }
}

impl Condition {
    /// What is said of a row that differs.
    pub(super) fn miss(&self, found: &Value) -> String {
        format!("{}: {found}, and not {}", self.path.join("."), self.value)
    }
}
