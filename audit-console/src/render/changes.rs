//! Metadata for people, a line each, with what changed as a diff.

use serde_json::{Map, Value};

use super::escape::visible;
use super::shown::shown;
use super::style::{DIM, GREEN, PLAIN, RED};

const INDENT: usize = 2;

/// The lines of some metadata: `{"from": …, "to": …}` as a diff, and so `old_role` beside `new_role`.
pub(crate) fn lines(metadata: &Map<String, Value>) -> Vec<String> {
    let mut lines = Vec::new();
    object(metadata, 0, &mut lines);
    lines
}

fn object(object: &Map<String, Value>, depth: usize, lines: &mut Vec<String>) {
    // Some programs are built so that JSON objects keep the order in which they were read.
    let mut members: Vec<_> = object.iter().collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    for (key, value) in members {
        let pair = key.strip_prefix("new_").and_then(|name| Some((name, object.get(&format!("old_{name}"))?)));
        if let Some((name, old)) = pair {
            change(name, old, value, depth, lines);
        } else if !key.strip_prefix("old_").is_some_and(|name| object.contains_key(&format!("new_{name}"))) {
            member(key, value, depth, lines);
        }
    }
}

fn member(key: &str, value: &Value, depth: usize, lines: &mut Vec<String>) {
    match value {
        Value::Object(inner) if inner.len() == 2 && inner.contains_key("from") && inner.contains_key("to") => {
            change(key, &inner["from"], &inner["to"], depth, lines);
        }
        Value::Object(inner) if !inner.is_empty() => {
            lines.push(format!("{}{}", indent(depth), visible(key)));
            object(inner, depth + 1, lines);
        }
        value => lines.push(format!("{}{}  {}", indent(depth), visible(key), shown(value))),
    }
}

fn change(name: &str, from: &Value, to: &Value, depth: usize, lines: &mut Vec<String>) {
    lines.push(format!("{}{}", indent(depth), visible(name)));
    let sides = [(RED, '-', from), (GREEN, '+', to)];
    lines.extend(sides.map(|(colour, sign, value)| {
        // What was not there, or is no longer, is a side without a value.
        let value = if value.is_null() { format!("{DIM}nothing{PLAIN}") } else { shown(value) };
        format!("{}{colour}{sign} {value}{PLAIN}", indent(depth + 1))
    }));
}

fn indent(depth: usize) -> String {
    " ".repeat(depth * INDENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(metadata: &Value) -> Vec<String> {
        let plain = |line: String| [DIM, GREEN, RED, PLAIN].iter().fold(line, |line, style| line.replace(style, ""));
        lines(metadata.as_object().unwrap()).into_iter().map(plain).collect()
    }

    #[test]
    fn what_changed_is_shown_as_a_diff_wherever_it_stands() {
        let metadata = serde_json::json!({
            "changes": { "limits": { "seats": { "from": 3, "to": 5 } }, "name": { "from": null, "to": "Our\u{202e}s" } },
            "old_role": "viewer",
            "new_role": "owner",
            "old_value": 1,
            "reason": "a b",
            "empty": {},
        });
        assert_eq!(
            plain(&metadata),
            [
                "changes",
                "  limits",
                "    seats",
                "      - 3",
                "      + 5",
                "  name",
                "    - nothing",
                "    + Our\\u{202e}s",
                "empty  {}",
                "role",
                "  - viewer",
                "  + owner",
                "old_value  1",
                "reason  \"a b\"",
            ]
        );
    }
}
