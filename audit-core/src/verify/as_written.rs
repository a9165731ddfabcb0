//! Whether JSON and addresses stand in the database as a writer puts them there.
//!
//! What is hashed is what the text means: of JSON, RFC 8785 of it. A key that stands there twice means its last value, and a number
//! its nearest double, so that more could stand there than is hashed. A character can be written by its number, and an address with
//! zeros that need not be there, and whoever searches the text does not find it. Writers write no key twice, numbers that are exactly
//! what they mean, and no character by its number that could stand for itself. Where the store keeps the text, it is one text alone.

use serde_json::{Map, Value};

use crate::store::Columns;
use crate::{Row, canonical};

/// Whether a row says no more than what was read of it.
pub(super) fn is_as_written<R: Columns>(row: &R, read: &Row) -> Result<bool, sqlx::Error> {
    let (metadata, redacted) = (row.text("metadata")?, row.text_if_any("redacted")?);
    if R::KEEPS_TEXT {
        let address = row.text_if_any("ip_address")?;
        return Ok(metadata == canonical::Object::of(read.metadata.as_map()).as_str()
            && redacted == read.redacted.as_ref().map(canonical::text)
            && address == read.ip_address.map(|address| address.to_string()));
    }
    let erased = redacted.as_deref().zip(read.redacted.as_ref().and_then(Value::as_object));
    Ok(says_no_more(&metadata, read.metadata.as_map()) && erased.is_none_or(|(text, read)| says_no_more(text, read)))
}

/// Whether the text says no more than what was read of it, however a database spaces it.
fn says_no_more(text: &str, read: &Map<String, Value>) -> bool {
    let mut colons = 0;
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = match byte {
            b'"' => match behind_string(behind) {
                Some(behind) => behind,
                None => return false,
            },
            b'-' | b'0'..=b'9' => {
                let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
                let (number, behind) = rest.split_at(end.unwrap_or(rest.len()));
                if !is_exact(number) {
                    return false;
                }
                behind
            }
            b':' => {
                colons += 1;
                behind
            }
            _ => behind,
        };
    }
    colons == members(read)
}

/// Nothing if something is escaped that need not be.
fn behind_string(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = match text {
            [b'"', behind @ ..] => return Some(behind),
            // Control characters alone.
            [b'\\', b'u', b'0', b'0', b'0' | b'1', _, behind @ ..] => behind,
            [b'\\', b'u' | b'/', ..] => return None,
            [b'\\', _, behind @ ..] | [_, behind @ ..] => behind,
            [] => return Some(text),
        }
    }
}

/// Whether a number is written with the fewest digits that mean its double. PostgreSQL writes them without an exponent.
fn is_exact(number: &[u8]) -> bool {
    let is_small =
        number.len() <= 15 && number.iter().all(u8::is_ascii_digit) && (number[0] != b'0' || number.len() == 1);
    is_small || is_shortest(number)
}

fn is_shortest(number: &[u8]) -> bool {
    let Some(text) = str::from_utf8(number).ok() else { return false };
    let Ok(double) = text.parse::<f64>() else { return false };
    // Of the two zeros, one is written.
    if double == 0.0 {
        return text == "0";
    }
    text == double.to_string() || serde_json_canonicalizer::to_string(&double).is_ok_and(|canonical| canonical == text)
}

fn members(map: &Map<String, Value>) -> usize {
    map.len() + map.values().map(members_within).sum::<usize>()
}

fn members_within(value: &Value) -> usize {
    match value {
        Value::Object(map) => members(map),
        Value::Array(values) => values.iter().map(members_within).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fine(text: &str) -> bool {
        says_no_more(text, &serde_json::from_str(text).expect("an object"))
    }

    #[test]
    fn what_writers_write_is_as_written_in_either_store() {
        for text in [
            "{}",
            r#"{"a":1,"b":{"c":[{"d":-7}]},"e":"\":\\\n\u001f","f":"2.50/é"}"#,
            r#"{"a": 2.5, "b": 0.0000001, "c": 1e-7, "d": 9007199254740991, "e": 18446744073709552000, "f": 1e+300}"#,
            &format!(r#"{{"a": 1{}}}"#, "0".repeat(300)),
        ] {
            assert!(is_fine(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_hashed_is_found() {
        for text in [
            r#"{"a":9,"a":1}"#,
            r#"{"a":[{"b":9,"b":1}]}"#,
            r#"{"a":1.00000000000000000001}"#,
            r#"{"a":1.0}"#,
            r#"{"a":-0}"#,
            r#"{"a":9007199254740993}"#,
            r#"{"a":0.1000000000000000055511151231257827}"#,
            r#"{"a":"\u0061dmin"}"#,
            r#"{"\u0061":1}"#,
            r#"{"a":"\u00e9"}"#,
            r#"{"a":"\/"}"#,
        ] {
            assert!(!is_fine(text), "{text}");
        }
    }
}
