//! Makes what a caller gave into what every store takes and gives back unchanged, and leaves a mark of each change.
//!
//! Nothing is refused and nothing vanishes without a mark: the marks stand in the metadata under
//! [`Metadata::MARKS`], as a list `changed` of `{field, change, …}`. Text that was cut or dropped leaves its
//! length in bytes and its SHA-256, so that the original can be recognised where it turns up elsewhere.
//!
//! | what | becomes | why |
//! |---|---|---|
//! | NUL in text or keys | U+FFFD | PostgreSQL refuses it in TEXT and in JSONB |
//! | over-long ids, names, user agents, errors | cut on a character boundary | an index entry holds at most a third of a page |
//! | integers beyond ±(2⁵³ − 1), numbers that no double holds | the same digits as text | RFC 8785 knows doubles only |
//! | values nested deeper than [`MAX_DEPTH`] | their JSON text | parsers and canonical forms are recursive |
//! | metadata above [`MAX_METADATA_BYTES`] | its largest values become null | bounded rows |
//! | times outside the partitions' window | its nearest end | no row may ask for an arbitrary partition |

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Number, Value, json};
use sha2::{Digest, Sha256};

use crate::canonical::MAX_INTEGER;
use crate::metadata::Details;
use crate::{Metadata, canonical};

/// Longest id, request id, tenant, trace or origin, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 512;
/// Longest target type, in bytes.
pub(crate) const MAX_TYPE_BYTES: usize = 128;
/// Longest user agent, in bytes.
pub(crate) const MAX_USER_AGENT_BYTES: usize = 1024;
/// Longest error text, in bytes.
pub(crate) const MAX_ERROR_BYTES: usize = 4096;
/// Longest metadata, in bytes of RFC 8785 JSON, marks not counted.
pub(crate) const MAX_METADATA_BYTES: usize = 64 * 1024;
/// Deepest metadata: the object itself is level 1.
pub(crate) const MAX_DEPTH: usize = 32;

/// The list of changes among the marks.
pub(crate) const CHANGED: &str = "changed";
/// Most changes that are marked one by one; the rest is counted.
const MAX_MARKS: usize = 32;
/// Longest name of a field in a mark, in bytes.
const MAX_MARKED_NAME_BYTES: usize = 128;
/// Most values that become null before all metadata gives way to a mark.
const MAX_NULLED: usize = 16;
/// What a member of an object takes beside its key and its value: `"":,`.
const PUNCTUATION: usize = 4;
const NULL: &str = "null";
/// Deepest value that is still written out as text; deeper ones leave a mark only.
const MAX_TEXT_DEPTH: usize = 128;
/// How far a row may lie in the past and in the future. One day within what the partition function takes,
/// for clocks that differ.
const PAST: TimeDelta = TimeDelta::days(399);
const FUTURE: TimeDelta = TimeDelta::days(13);

/// Metadata as it will be stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sanitised {
    /// Its RFC 8785 text.
    pub(crate) text: canonical::Object,
    /// Whether anything of the entry had to be changed, of which there are marks.
    pub(crate) is_changed: bool,
}

/// Collects the marks of one entry.
#[derive(Default)]
pub(crate) struct Sanitiser {
    marks: Vec<Value>,
    unmarked: u64,
    /// Whether the entry should have been sanitised before.
    again: bool,
}

impl Sanitiser {
    /// For what comes from a place where it lies sanitised, unless somebody else has put it there: what was sanitised
    /// stays as it is, marks and all.
    pub(crate) fn again() -> Self {
        Self { again: true, ..Self::default() }
    }

    /// Leaves a text without NUL, of at most `max` bytes.
    pub(crate) fn text(&mut self, field: &str, text: &mut String, max: usize) {
        if has_nul(text) {
            self.mark(field, "nul_replaced", Map::new());
            *text = text.replace('\0', "\u{FFFD}");
        }
        if text.len() > max {
            self.mark(field, "cut", fingerprint(text.as_bytes()));
            text.truncate(text.floor_char_boundary(max));
        }
    }

    /// [`Self::text`], where there may be none.
    pub(crate) fn optional(&mut self, field: &str, text: &mut Option<String>, max: usize) {
        if let Some(text) = text {
            self.text(field, text, max);
        }
    }

    /// A time in the window for which partitions are made.
    pub(crate) fn time(&mut self, field: &str, at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        if (-PAST..=FUTURE).contains(&(at - now)) {
            return at;
        }
        let original = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        self.mark(field, "clamped", Map::from_iter([("original".to_owned(), original.into())]));
        at.clamp(now - PAST, now + FUTURE)
    }

    /// The metadata as it will be stored, the marks of the whole entry included. Comes last.
    pub(crate) fn metadata(self, details: Details) -> Sanitised {
        self.unchanged(&details).unwrap_or_else(|| self.changed(details.into()))
    }

    /// What an attribute names needs no object, where there is nothing to change, and nothing to say.
    fn unchanged(&self, details: &Details) -> Option<Sanitised> {
        let fields = details.as_fields().filter(|_| self.marks.is_empty())?;
        let fields = || fields.iter().map(|(name, value)| (*name, value));
        let text = is_clean(fields()).then(|| canonical::Object::of(fields()))?;
        (text.as_str().len() <= MAX_METADATA_BYTES).then_some(Sanitised { text, is_changed: false })
    }

    fn changed(mut self, metadata: Metadata) -> Sanitised {
        let (details, mut marks) = metadata.into_parts();
        let mut clean = if is_clean(&details) { details } else { self.details(details, &mut marks) };
        let canonical = canonical::Object::of(&clean);
        let is_small = self.shrink(&mut clean, &canonical);
        self.marks_into(&mut marks);
        if is_small && marks.is_empty() {
            return Sanitised { text: canonical, is_changed: false };
        }
        let is_changed = marks.contains_key(CHANGED);
        if !marks.is_empty() {
            // The library's own marks hold callers' names and parsers' complaints: they are sanitised, too.
            let marks = Self::default().value(Metadata::MARKS, Value::Object(marks), 2);
            clean.insert(Metadata::MARKS.to_owned(), marks);
        }
        Sanitised { text: canonical::Object::of(&clean), is_changed }
    }

    /// The details, changed where they have to be. Marks of ours among them join the others.
    fn details(&mut self, mut details: Map<String, Value>, marks: &mut Map<String, Value>) -> Map<String, Value> {
        if self.again {
            match details.remove(Metadata::MARKS) {
                Some(Value::Object(earlier)) => marks.extend(earlier),
                // No mark of ours: it is treated like any detail of this name.
                Some(strange) => drop(details.insert(Metadata::MARKS.to_owned(), strange)),
                None => {}
            }
        }
        let mut clean = Map::new();
        for (key, value) in details {
            let field = format!("metadata.{key}");
            let value = self.value(&field, value, 2);
            let mut key = self.key(&field, key, &clean);
            if key == Metadata::MARKS {
                self.mark(&field, "reserved_key", Map::new());
                while key == Metadata::MARKS || clean.contains_key(&key) {
                    key.push('_');
                }
            }
            clean.insert(key, value);
        }
        clean
    }

    fn value(&mut self, field: &str, value: Value, depth: usize) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            Value::Number(number) => self.number(field, number),
            Value::String(mut text) => {
                self.text(field, &mut text, usize::MAX);
                Value::String(text)
            }
            nested if depth > MAX_DEPTH => self.too_deep(field, nested),
            Value::Array(values) => values.into_iter().map(|value| self.value(field, value, depth + 1)).collect(),
            Value::Object(map) => {
                let mut clean = Map::new();
                for (key, value) in map {
                    let value = self.value(field, value, depth + 1);
                    let key = self.key(field, key, &clean);
                    clean.insert(key, value);
                }
                Value::Object(clean)
            }
        }
    }

    fn number(&mut self, field: &str, number: Number) -> Value {
        if is_exact(&number) {
            return Value::Number(integral(&number).map_or(number, Number::from));
        }
        if let Some(double) = read_back(&number).filter(|_| self.again) {
            return Value::Number(double);
        }
        self.mark(field, "number_as_text", Map::new());
        Value::String(number.to_string())
    }

    fn too_deep(&mut self, field: &str, value: Value) -> Value {
        self.mark(field, "too_deep", Map::new());
        if is_shallower_than(&value, MAX_TEXT_DEPTH) {
            let mut text = value.to_string();
            self.text(field, &mut text, usize::MAX);
            return Value::String(text);
        }
        dismantle(value);
        Value::Null
    }

    fn key(&mut self, field: &str, mut key: String, taken: &Map<String, Value>) -> String {
        self.text(field, &mut key, MAX_METADATA_BYTES);
        if taken.contains_key(&key) {
            self.mark(field, "key_renamed", Map::new());
            while taken.contains_key(&key) {
                key.push('_');
            }
        }
        key
    }

    /// Brings the metadata under its limits: its largest values become null, or, where that would not do, all
    /// of it gives way to a mark. True where nothing had to be done.
    fn shrink(&mut self, clean: &mut Map<String, Value>, canonical: &canonical::Object) -> bool {
        if canonical.as_str().len() <= MAX_METADATA_BYTES {
            return true;
        }
        let mut members: Vec<_> = canonical.members().collect();
        let total: usize = members.iter().map(|(key, value)| key.len() + value.len() + PUNCTUATION).sum();
        let Some(mut excess) = total.checked_sub(MAX_METADATA_BYTES).filter(|excess| *excess > 0) else { return true };
        members.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        members.truncate(MAX_NULLED);
        let gain: usize = members.iter().map(|(_, value)| value.len().saturating_sub(NULL.len())).sum();
        if gain < excess {
            self.mark("metadata", "too_large", fingerprint(canonical.as_str().as_bytes()));
            clean.clear();
            return false;
        }
        for (key, value) in members {
            if excess == 0 {
                break;
            }
            self.mark(&format!("metadata.{key}"), "too_large", fingerprint(value.as_bytes()));
            excess = excess.saturating_sub(value.len() - NULL.len());
            clean.insert(key.into_owned(), Value::Null);
        }
        false
    }

    fn mark(&mut self, field: &str, change: &str, mut details: Map<String, Value>) {
        if self.marks.len() == MAX_MARKS {
            self.unmarked += 1;
            return;
        }
        details.insert("field".to_owned(), field[..field.floor_char_boundary(MAX_MARKED_NAME_BYTES)].into());
        details.insert("change".to_owned(), change.into());
        self.marks.push(Value::Object(details));
    }

    fn marks_into(self, marks: &mut Map<String, Value>) {
        if !self.marks.is_empty() {
            let mut changed = match marks.remove(CHANGED) {
                Some(Value::Array(earlier)) => earlier,
                earlier => earlier.into_iter().collect(),
            };
            changed.extend(self.marks);
            marks.insert(CHANGED.to_owned(), Value::Array(changed));
        }
        if self.unmarked > 0 {
            marks.insert("changed_more".to_owned(), self.unmarked.into());
        }
    }
}

/// Whether nothing of it has to be changed, so that it can be stored as it is.
fn is_clean<'a, K: AsRef<str> + ?Sized + 'a>(details: impl IntoIterator<Item = (&'a K, &'a Value)>) -> bool {
    details.into_iter().all(|(key, value)| key.as_ref() != Metadata::MARKS && is_clean_member(key.as_ref(), value, 2))
}

fn has_nul(text: &str) -> bool {
    // No other character has this byte.
    text.as_bytes().contains(&0)
}

/// `depth` is that of what is nested in the value.
fn is_clean_member(key: &str, value: &Value, depth: usize) -> bool {
    key.len() <= MAX_METADATA_BYTES && !has_nul(key) && is_clean_value(value, depth)
}

/// `depth` is that of what is nested in it.
fn is_clean_value(value: &Value, depth: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(number) => is_exact(number) && integral(number).is_none_or(|_| number.is_i64()),
        Value::String(text) => !has_nul(text),
        Value::Array(_) | Value::Object(_) if depth > MAX_DEPTH => false,
        Value::Array(values) => values.iter().all(|value| is_clean_value(value, depth + 1)),
        Value::Object(object) => object.iter().all(|(key, value)| is_clean_member(key, value, depth + 1)),
    }
}

/// Whether RFC 8785 writes a number without loss.
fn is_exact(number: &Number) -> bool {
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => canonical::is_exact(integer),
        (None, Some(double)) => {
            !number.is_u64() && double.is_finite() && Number::from_f64(double).as_ref() == Some(number)
        }
        (None, None) => false,
    }
}

/// The integer that RFC 8785 makes of a whole double such as `1.0`.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked, and within it doubles are exact")]
#[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is a double")]
fn integral(number: &Number) -> Option<i64> {
    let double = number.as_f64().filter(|double| double.fract() == 0.0)?;
    (double.abs() <= MAX_INTEGER as f64).then_some(double as i64)
}

/// The double whose RFC 8785 text was read as this integer: `1e17` is written with all its digits.
fn read_back(number: &Number) -> Option<Number> {
    let double = Number::from_f64(number.as_f64()?)?;
    (canonical::text(&Value::Number(double.clone())) == number.to_string()).then_some(double)
}

fn fingerprint(bytes: &[u8]) -> Map<String, Value> {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("a String takes every text");
    }
    match json!({ "bytes": bytes.len(), "sha256": hex }) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn is_shallower_than(value: &Value, limit: usize) -> bool {
    let mut level: Vec<&Value> = vec![value];
    for _ in 0..limit {
        level = level.into_iter().flat_map(children).collect();
        if level.is_empty() {
            return true;
        }
    }
    false
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(values) => Box::new(values.iter()),
        Value::Object(map) => Box::new(map.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Drops a value level by level: dropping it whole would recurse as deep as it is nested.
fn dismantle(value: Value) {
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(values) => rest.extend(values),
            Value::Object(map) => rest.extend(map.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 6] = ["reason", "b", "\u{FB33}", "\u{1F600}", "a\0", Metadata::MARKS];

    fn values() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(json!(null)),
            Just(json!({ "nested": ["a\0"] })),
            Just(json!("x".repeat(MAX_METADATA_BYTES / 2))),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn what_an_attribute_names_becomes_what_an_object_would(
            fields in prop::collection::vec((prop::sample::select(&NAMES[..]), values()), 0..5),
        ) {
            let mut details = Details::default();
            for (name, value) in fields {
                details.field(name, value);
            }
            let object = Details::from(Metadata::from(details.clone()));
            prop_assert_eq!(Sanitiser::default().metadata(details), Sanitiser::default().metadata(object));
        }
    }
}
