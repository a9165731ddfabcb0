//! Whether a JSON text says nothing that a parsed value cannot hold.

use std::collections::HashSet;

/// What of a valid JSON text would be lost by parsing it, if anything: of two members of the same name one, of a number
/// what no double holds.
pub(super) fn loss(text: &str) -> Option<&'static str> {
    let mut rest = text;
    // The names met so far in each object that is open; arrays are open, too, and have none.
    let mut open: Vec<HashSet<String>> = Vec::new();
    while let Some(first) = rest.chars().next() {
        match first {
            '"' => {
                let (string, after) = rest.split_at(string_length(rest));
                rest = after;
                if rest.trim_start().starts_with(':') {
                    let name = serde_json::from_str(string).unwrap_or_default();
                    let is_new = open.last_mut().is_none_or(|names| names.insert(name));
                    if !is_new {
                        return Some("two members of one name");
                    }
                }
            }
            '-' | '0'..='9' => {
                let length = rest.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
                let (number, after) = rest.split_at(length.unwrap_or(rest.len()));
                rest = after;
                if !is_exact(number) {
                    return Some("a number that no double holds");
                }
            }
            _ => {
                match first {
                    '{' | '[' => open.push(HashSet::new()),
                    '}' | ']' => drop(open.pop()),
                    _ => {}
                }
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    None
}

/// The length of the string literal at the beginning of a text, in bytes, its quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(end, _)| end + 1)
}

/// Whether the number is an integer of 64 bits, which is kept digit by digit, or the shortest text of a double, written in
/// whatever way.
fn is_exact(number: &str) -> bool {
    let integer = number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    integer || number.parse::<f64>().is_ok_and(|double| decimal(number) == decimal(&format!("{double:e}")))
}

/// The significant digits of a number and the power of ten of the first of them; nothing of zero.
fn decimal(number: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.trim_start_matches('-');
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let first = exponent.parse::<i64>().ok()? + i64::try_from(whole.len()).ok()? - 1 - zeros;
    let significant = significant.trim_end_matches('0');
    (!significant.is_empty()).then(|| (significant.to_owned(), first))
}

#[cfg(test)]
mod tests {
    use super::loss;

    #[test]
    fn what_a_value_holds_is_no_loss() {
        for text in [
            r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}"#,
            r#"{"a\"":"\\","a":"\\\""}"#,
            "[0.1, 1.5e3, 1E+2, -0.0, 0e5, 100, 1.10, 18446744073709551615, -9223372036854775808, 5e-324, 1e300]",
            r#""{\"a\":1,\"a\":1}""#,
        ] {
            assert_eq!(loss(text), None, "{text}");
        }
    }

    #[test]
    fn what_parsing_would_change_is_a_loss() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"[{"x":{"a":1,"b":2,"\u0061":2}}]"#,
            "123456789012345678901234567890",
            "0.12345678901234567890123",
            "1e-400",
            "18446744073709551616",
        ] {
            assert!(loss(text).is_some(), "{text}");
        }
    }
}
