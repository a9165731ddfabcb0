//! Conditions on metadata.

use serde_json::{Map, Number, Value};

use super::Pattern;

/// The keys that lead from the metadata's top to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// A path of at least one key.
    pub(crate) fn new(keys: Vec<String>) -> Self {
        debug_assert!(!keys.is_empty(), "a path has a key");
        Self(keys)
    }

    pub(crate) fn keys(&self) -> &[String] {
        &self.0
    }

    /// Whether what is there, or one of the values of a list that is there, is as the pattern says.
    pub(crate) fn matches(&self, metadata: &Map<String, Value>, pattern: &Pattern) -> bool {
        let Some((last, way)) = self.0.split_last() else { return false };
        let object = way.iter().try_fold(metadata, |object, key| object.get(key)?.as_object());
        match object.and_then(|object| object.get(last)) {
            Some(Value::Array(values)) => values.iter().any(|value| is(value, pattern)),
            Some(value) => is(value, pattern),
            None => false,
        }
    }

    /// The last key as it stands in JSON.
    pub(crate) fn key_text(&self) -> String {
        Value::from(self.0.last().map_or("", String::as_str)).to_string()
    }

    /// The metadata that hold a value there and nothing else.
    #[cfg(feature = "postgres")]
    pub(crate) fn around(&self, value: Value) -> Value {
        self.0.iter().rev().fold(value, |inner, key| Value::Object(Map::from_iter([(key.clone(), inner)])))
    }
}

/// What a text may stand for: a text, a number, true, false, null.
pub(crate) fn readings(text: &str) -> Vec<Value> {
    let plain = match serde_json::from_str(text) {
        Ok(Value::Number(number)) => double(&number).map(Value::Number),
        Ok(value @ (Value::Bool(_) | Value::Null)) => Some(value),
        _ => None,
    };
    std::iter::once(Value::String(text.to_owned())).chain(plain).collect()
}

/// A number as freezing leaves it: whole ones without a fraction.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked, and within it doubles are exact")]
fn double(number: &Number) -> Option<Number> {
    const MAX_INTEGER: f64 = 9_007_199_254_740_991.0;
    let double = number.as_f64().filter(|double| double.is_finite())?;
    if double.fract() == 0.0 && double.abs() <= MAX_INTEGER {
        return Some((double as i64).into());
    }
    Number::from_f64(double)
}

/// A value of a row as [`readings`] has it.
fn read_back(value: &Value) -> Value {
    match value {
        Value::Number(number) => double(number).map_or(Value::Null, Value::Number),
        other => other.clone(),
    }
}

fn is(value: &Value, pattern: &Pattern) -> bool {
    match (value, pattern) {
        (Value::String(text), pattern) => pattern.matches(text),
        (value, Pattern::Exact(text)) => readings(text).contains(&read_back(value)),
        (_, Pattern::Prefix(_)) => false,
    }
}
