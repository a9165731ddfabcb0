//! Changes as JSON, and the changes of JSON.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::Diff;

/// The keys that make an object a change.
const KEYS: [&str; 2] = ["from", "to"];

/// The change of one value.
#[must_use]
pub fn leaf(from: Value, to: Value) -> Value {
    Value::Object(Map::from_iter([("from".to_owned(), from), ("to".to_owned(), to)]))
}

/// The changes of the parts of a value; the change of the `whole` where their names would make them look like one.
pub(super) fn nest(changes: Map<String, Value>, whole: impl FnOnce() -> (Value, Value)) -> Option<Value> {
    if changes.is_empty() {
        return None;
    }
    if changes.keys().all(|name| KEYS.contains(&name.as_str())) {
        let (from, to) = whole();
        return Some(leaf(from, to));
    }
    Some(Value::Object(changes))
}

/// The changes of the entries of a map.
pub(super) fn entries<'a, K: Display + 'a, T: Diff + 'a>(
    before: impl IntoIterator<Item = (&'a K, &'a T)>,
    after: impl IntoIterator<Item = (&'a K, &'a T)>,
    whole: impl FnOnce() -> (Value, Value),
) -> Option<Value> {
    let mut after: BTreeMap<_, _> = after.into_iter().map(|(name, new)| (name.to_string(), new)).collect();
    let mut changes = Map::new();
    for (name, old) in before {
        let name = name.to_string();
        let change = match after.remove(&name) {
            Some(new) => old.changes(new),
            None => Some(json!({ "from": old.record() })),
        };
        changes.extend(change.map(|change| (name, change)));
    }
    changes.extend(after.into_iter().map(|(name, new)| (name, json!({ "to": new.record() }))));
    nest(changes, whole)
}

impl Diff for Value {
    fn record(&self) -> Value {
        self.clone()
    }

    fn changes(&self, after: &Self) -> Option<Value> {
        match (self, after) {
            (Self::Object(old), Self::Object(new)) => old.changes(new),
            _ => (self != after).then(|| leaf(self.clone(), after.clone())),
        }
    }
}

impl Diff for Map<String, Value> {
    fn record(&self) -> Value {
        Value::Object(self.clone())
    }

    fn changes(&self, after: &Self) -> Option<Value> {
        entries(self, after, || (self.record(), after.record()))
    }
}
