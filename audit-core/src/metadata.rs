//! The named details of an entry.

mod details;
mod finite;
mod lossless;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

pub(crate) use details::Details;

use crate::canonical;

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
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// Empty where there is a text that nobody has taken apart, as that of most frozen rows.
    details: OnceLock<Map<String, Value>>,
    /// The details as RFC 8785 JSON, where anybody has written them.
    text: OnceLock<String>,
    /// What the library has to say; joins the details when the entry is frozen, so that no caller
    /// can write there. Apart, because most entries have none, and futures hold them.
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
            Ok(Value::Object(map)) => return Self::from(map),
            Ok(value) => {
                metadata.insert_value("value", value);
                metadata.mark("not_an_object", Value::Bool(true));
            }
            Err(reason) => {
                metadata.insert_value("unparsed", Value::String(text.to_owned()));
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
                self.insert_value(name, json);
            }
            Err(error) => {
                self.mark(&format!("unserialisable: {name}"), Value::String(error.to_string()));
                self.insert_value(name, Value::Null);
            }
        }
    }

    /// Sets a detail whose value is JSON already.
    pub(crate) fn insert_value(&mut self, name: impl Into<String>, value: Value) {
        self.details_mut().insert(name.into(), value);
    }

    /// Takes over every detail of `other`, which wins where both name one.
    pub fn extend(&mut self, other: Self) {
        let (details, marks) = other.into_parts();
        self.details_mut().extend(details);
        if !marks.is_empty() {
            self.marks.get_or_insert_default().extend(marks);
        }
    }

    /// The value of a detail.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_map().get(name)
    }

    /// Whether the library left a mark of this name on a row that was read back.
    pub(crate) fn is_marked(&self, name: &str) -> bool {
        self.as_map().get(Self::MARKS).and_then(|marks| marks.get(name)).is_some()
    }

    /// Whether there are no details.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_map().is_empty()
    }

    /// The details as a JSON object.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        self.details.get_or_init(|| taken_apart(self.text.get()))
    }

    fn details_mut(&mut self) -> &mut Map<String, Value> {
        self.details.get_or_init(|| taken_apart(self.text.get()));
        self.text.take();
        self.details.get_mut().expect("there are some now")
    }

    /// The details as RFC 8785 JSON.
    pub(crate) fn as_canonical(&self) -> &str {
        self.text.get_or_init(|| canonical::Object::of(self.as_map()).into_text())
    }

    /// The caller's details and the library's marks, apart.
    pub(crate) fn into_parts(self) -> (Map<String, Value>, Map<String, Value>) {
        let details = self.details.into_inner().unwrap_or_else(|| taken_apart(self.text.get()));
        (details, self.marks.map(|marks| *marks).unwrap_or_default())
    }

    /// A rough count of the bytes held.
    pub(crate) fn weight(&self) -> usize {
        self.as_map()
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
        Self { details: map.into(), ..Self::default() }
    }
}

impl From<canonical::Object> for Metadata {
    fn from(object: canonical::Object) -> Self {
        Self { text: object.into_text().into(), ..Self::default() }
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.as_map() == other.as_map() && self.marks == other.marks
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_map().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

impl std::fmt::Display for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Some programs are built so that JSON objects keep the order in which they were made.
        let sorted: BTreeMap<_, _> = self.as_map().iter().collect();
        let text = serde_json::to_string(&sorted).map_err(|_| std::fmt::Error)?;
        f.write_str(&text)
    }
}

/// The details of which [`Metadata::as_canonical`] has made a text; none where there is no text.
fn taken_apart(text: Option<&String>) -> Map<String, Value> {
    text.map_or_else(Map::new, |text| serde_json::from_str(text).expect("an object was written here"))
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
