//! The named details of an entry.

mod details;
mod finite;
mod lossless;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use details::Details;

/// Most marks, and the longest name of one, in bytes.
const MAX_MARKS: usize = 32;
const MAX_MARK_BYTES: usize = 160;
/// What is nested deeper is not weighed: the walk is recursive.
const MAX_WEIGHED_DEPTH: usize = 64;

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
    /// can write there. Apart, because most entries have none, and futures hold them.
    #[serde(skip)]
    marks: Option<Box<Map<String, Value>>>,
}

impl Metadata {
    /// The reserved key under which the library leaves its marks.
    pub const MARKS: &'static str = "_audit";

    /// The mark of an entry that was created long before it was frozen.
    pub(crate) const LATE: &'static str = "late";

    /// No details.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a JSON text, and never fails: a text that is no object is kept under `value` and marked, one that
    /// cannot be parsed (or not without loss: lone surrogates, numbers that no double holds, two members of one
    /// name, deeper than the parser goes) is kept word for word under `unparsed`, marked with the reason.
    #[must_use]
    pub fn from_json(text: &str) -> Self {
        let mut metadata = Self::new();
        let parsed = serde_json::from_str(text).map_err(|error| error.to_string());
        match parsed.and_then(|value| lossless::loss(text).map_or(Ok(value), |loss| Err(loss.to_owned()))) {
            Ok(Value::Object(map)) => metadata.details = map,
            Ok(value) => {
                metadata.details.insert("value".to_owned(), value);
                metadata.mark("not_an_object", Value::Bool(true));
            }
            Err(reason) => {
                metadata.details.insert("unparsed".to_owned(), Value::String(text.to_owned()));
                metadata.mark("unparsed", Value::String(reason));
            }
        }
        metadata
    }

    /// Sets a detail, replacing an earlier one of that name. It never fails: a value that cannot be serialised, and
    /// a float that is not finite, become `null` and are marked.
    pub fn insert<T: Serialize + ?Sized>(&mut self, name: impl Into<String>, value: &T) {
        let name = name.into();
        match serde_json::to_value(value) {
            Ok(json) => {
                if hides_a_float(value, &json) {
                    self.mark(&format!("not_finite: {name}"), Value::Bool(true));
                }
                self.details.insert(name, json);
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
        if let Some(marks) = other.marks {
            self.marks.get_or_insert_default().extend(*marks);
        }
    }

    /// The value of a detail.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.details.get(name)
    }

    /// Whether freezing changed something of a row, of which it has left marks.
    pub(crate) fn tells_of_changes(&self) -> bool {
        self.is_marked(crate::sanitise::CHANGED)
    }

    /// Whether the library left a mark of this name on a row that was read back.
    pub(crate) fn is_marked(&self, name: &str) -> bool {
        self.details.get(Self::MARKS).and_then(|marks| marks.get(name)).is_some()
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
        (self.details, self.marks.map(|marks| *marks).unwrap_or_default())
    }

    /// A rough count of the bytes held.
    pub(crate) fn weight(&self) -> usize {
        self.details
            .iter()
            .chain(self.marks.iter().flat_map(|marks| marks.iter()))
            .map(|(name, value)| name.len() + weight(value, MAX_WEIGHED_DEPTH))
            .sum()
    }

    /// Leaves a mark of the library under [`Self::MARKS`].
    pub(crate) fn mark(&mut self, name: &str, what: Value) {
        let marks = self.marks.get_or_insert_default();
        if marks.len() < MAX_MARKS {
            marks.insert(name[..name.floor_char_boundary(MAX_MARK_BYTES)].to_owned(), what);
        } else {
            marks.insert("more".to_owned(), Value::Bool(true));
        }
    }
}

impl From<Map<String, Value>> for Metadata {
    fn from(map: Map<String, Value>) -> Self {
        Self { details: map, marks: None }
    }
}

impl std::fmt::Display for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Some programs are built so that JSON objects keep the order in which they were made.
        let sorted: BTreeMap<_, _> = self.details.iter().collect();
        let text = serde_json::to_string(&sorted).map_err(|_| std::fmt::Error)?;
        f.write_str(&text)
    }
}

/// Whether a null of the JSON stands for a float that is not finite.
pub(crate) fn hides_a_float<T: Serialize + ?Sized>(value: &T, json: &Value) -> bool {
    has_null(json) && !finite::is_finite(value)
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
    }
}

fn weight(value: &Value, depth: usize) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::Array(values) if depth > 0 => values.iter().map(|value| weight(value, depth - 1)).sum(),
        Value::Object(map) if depth > 0 => map.iter().map(|(name, value)| name.len() + weight(value, depth - 1)).sum(),
        _ => 0,
    };
    size_of::<Value>() + inner
}
