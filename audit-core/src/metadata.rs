//! The named details of an entry.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The named details of an entry: a JSON object.
///
/// Nothing enters by itself; each detail was named by somebody. The key [`Metadata::MARKS`] is
/// reserved for what the library itself has to say about an entry (what it cut, replaced or could
/// not read).
///
/// # Examples
///
/// ```
/// let mut metadata = audit_core::Metadata::new();
/// metadata.insert("reason", &"unpaid");
/// metadata.insert("attempts", &3);
/// assert_eq!(metadata.to_string(), r#"{"attempts":3,"reason":"unpaid"}"#);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata {
    details: Map<String, Value>,
    /// What the library has to say; joins the details when the entry is frozen, so that no caller
    /// can write there.
    #[serde(skip)]
    marks: Map<String, Value>,
}

impl Metadata {
    /// The reserved key under which the library leaves its marks.
    pub const MARKS: &'static str = "_audit";

    /// No details.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a JSON text, and never fails: a text that is no object is kept under `value` and marked, one that
    /// cannot be parsed (or not without loss: lone surrogates, numbers beyond range, deeper than the
    /// parser goes) is kept word for word under `unparsed`, marked with the parser's complaint.
    #[must_use]
    pub fn from_json(text: &str) -> Self {
        let mut metadata = Self::new();
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => metadata.details = map,
            Ok(value) => {
                metadata.details.insert("value".to_owned(), value);
                metadata.mark("not_an_object", Value::Bool(true));
            }
            Err(error) => {
                metadata.details.insert("unparsed".to_owned(), Value::String(text.to_owned()));
                metadata.mark("unparsed", Value::String(error.to_string()));
            }
        }
        metadata
    }

    /// Sets a detail, replacing an earlier one of that name. A value that cannot be serialised
    /// becomes `null` and is marked; it never fails.
    pub fn insert<T: Serialize + ?Sized>(&mut self, name: impl Into<String>, value: &T) {
        let name = name.into();
        match serde_json::to_value(value) {
            Ok(value) => {
                self.details.insert(name, value);
            }
            Err(error) => {
                self.mark(&format!("unserialisable: {name}"), Value::String(error.to_string()));
                self.details.insert(name, Value::Null);
            }
        }
    }

    /// Sets a detail whose value is JSON already.
    pub(crate) fn insert_value(&mut self, name: impl Into<String>, value: Value) {
        self.details.insert(name.into(), value);
    }

    /// Takes over every detail of `other`, which wins where both name one.
    pub fn extend(&mut self, other: Self) {
        self.details.extend(other.details);
        self.marks.extend(other.marks);
    }

    /// The value of a detail.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.details.get(name)
    }

    /// Whether there are no details.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.details.is_empty()
    }

    /// The details as a JSON object.
    #[must_use]
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.details
    }

    /// The caller's details and the library's marks, apart.
    pub(crate) fn into_parts(self) -> (Map<String, Value>, Map<String, Value>) {
        (self.details, self.marks)
    }

    /// A rough count of the bytes held.
    pub(crate) fn weight(&self) -> usize {
        self.details.iter().chain(&self.marks).map(|(name, value)| name.len() + weight(value)).sum()
    }

    /// Leaves a mark of the library under [`Self::MARKS`].
    pub(crate) fn mark(&mut self, name: &str, what: Value) {
        self.marks.insert(name.to_owned(), what);
    }
}

impl From<Map<String, Value>> for Metadata {
    fn from(map: Map<String, Value>) -> Self {
        Self { details: map, marks: Map::new() }
    }
}

impl std::fmt::Display for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = serde_json::to_string(&self.details).map_err(|_| std::fmt::Error)?;
        f.write_str(&text)
    }
}

fn weight(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(weight).sum(),
            Value::Object(map) => map.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        }
}
