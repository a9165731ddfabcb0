//! RFC 8785 JSON: of each value one text alone, which is what is hashed and stored.
//!
//! Written straight into one buffer, because every entry passes here. The texts of doubles are those of [`serde_json_canonicalizer`];
//! strings are escaped by [`serde_json`], which escapes what RFC 8785 (section 3.2.2.2) has escaped, in the same way.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Number, Value};
use smallvec::SmallVec;

/// Largest integer that a double and all its neighbours hold exactly (RFC 7493, section 2.2).
pub(crate) const MAX_INTEGER: i64 = (1 << 53) - 1;

/// Whether a double holds the integer exactly, and no other one is rounded to it.
pub(crate) const fn is_exact(integer: i64) -> bool {
    -MAX_INTEGER <= integer && integer <= MAX_INTEGER
}

/// The text of an object, and where in it its members stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Object {
    text: String,
    members: SmallVec<[Member; 4]>,
}

/// Where the texts of a key, in its quotation marks, and of its value stand.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    key: Range<usize>,
    value: Range<usize>,
}

impl Object {
    /// The text of an object with these members, each of which has another key.
    pub(crate) fn of<'a, K: AsRef<str> + ?Sized + 'a>(object: impl IntoIterator<Item = (&'a K, &'a Value)>) -> Self {
        let mut out = Vec::with_capacity(128);
        let mut members = SmallVec::new();
        write_object(&mut out, object, |key, value| members.push(Member { key, value }));
        Self { text: utf8(out), members }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Each key, and the text of its value, in the order in which they are written.
    pub(crate) fn members(&self) -> impl ExactSizeIterator<Item = (Cow<'_, str>, &str)> {
        self.members.iter().map(|Member { key, value }| (unescaped(&self.text[key.clone()]), &self.text[value.clone()]))
    }
}

/// The text of a value.
pub(crate) fn text(value: &Value) -> String {
    let mut out = Vec::new();
    write(&mut out, value);
    utf8(out)
}

/// Brings members into their order (section 3.2.3): by the UTF-16 code units of their keys.
pub(crate) fn sort<K: AsRef<str>, V>(members: &mut [(K, V)]) {
    // Of ASCII, the code units are the bytes.
    if members.iter().all(|(key, _)| key.as_ref().is_ascii()) {
        members.sort_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
    } else {
        members.sort_by(|(a, _), (b, _)| a.as_ref().encode_utf16().cmp(b.as_ref().encode_utf16()));
    }
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_string(out, text),
        Value::Array(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(out, value);
            }
            out.push(b']');
        }
        Value::Object(object) => write_object(out, object, |_, _| {}),
    }
}

/// Tells where each key and value begins and ends.
fn write_object<'a, K: AsRef<str> + ?Sized + 'a>(
    out: &mut Vec<u8>,
    object: impl IntoIterator<Item = (&'a K, &'a Value)>,
    mut tell: impl FnMut(Range<usize>, Range<usize>),
) {
    let mut members: SmallVec<[(&K, &Value); 8]> = object.into_iter().collect();
    sort(&mut members);
    out.push(b'{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let key = out.len();
        write_string(out, name.as_ref());
        let colon = out.len();
        out.push(b':');
        write(out, value);
        tell(key..colon, colon + 1..out.len());
    }
    out.push(b'}');
}

/// Integers that a double holds exactly are written as they are; all other numbers are doubles.
fn write_number(out: &mut Vec<u8>, number: &Number) {
    let integer = number.as_i64().filter(|integer| is_exact(*integer));
    let written = match integer {
        Some(integer) => serde_json::to_writer(out, &integer),
        None => serde_json_canonicalizer::to_writer(number, out),
    };
    written.expect("a finite number has a canonical form, and memory takes all that is written");
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("memory takes all that is written");
}

/// The string that a canonical text stands for.
fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains('\\') {
        serde_json::from_str(text).map_or_else(|_| unreachable!("it was written here"), Cow::Owned)
    } else {
        Cow::Borrowed(&text[1..text.len() - 1])
    }
}

fn utf8(text: Vec<u8>) -> String {
    String::from_utf8(text).expect("JSON of texts is text")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1_000_i64..1_000).prop_map(Value::from),
            any::<f64>().prop_filter_map("finite", |double| Number::from_f64(double).map(Value::Number)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The library that is known to write RFC 8785.
        #[test]
        fn every_value_is_written_as_by_the_reference(value in values()) {
            prop_assert_eq!(text(&value), serde_json_canonicalizer::to_string(&value).expect("a canonical form"));
        }

        #[test]
        fn members_are_told_as_they_are(members in prop::collection::hash_map(any::<String>(), values(), 0..8)) {
            let map: Map<_, _> = members.into_iter().collect();
            let object = Object::of(&map);
            prop_assert_eq!(object.as_str(), text(&Value::Object(map.clone())));
            prop_assert_eq!(object.members().len(), map.len());
            for (key, value) in object.members() {
                prop_assert_eq!(value, text(&map[&*key]));
            }
        }
    }

    #[test]
    fn keys_are_ordered_by_utf_16() {
        let object = json!({ "\u{FB33}": 1, "\u{1F600}": 2, "a": 3, "\"": 4 });
        assert_eq!(text(&object), "{\"\\\"\":4,\"a\":3,\"\u{1F600}\":2,\"\u{FB33}\":1}");
    }
}
