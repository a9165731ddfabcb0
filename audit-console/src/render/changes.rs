//! Metadata for people, a line each, with what changed as a diff.

use serde_json::{Map, Value};

use super::escape::visible;
use super::shown::shown;
use super::style::{DIM, GREEN, PLAIN, RED};

const INDENT: usize = 2;

/// The lines of some metadata: `{"from": …, "to": …}` as a diff, and so `old_role` beside `new_role`.
pub(crate) fn lines(metadata: &Map<String, Value>) -> Vec<String> {
    let mut lines = Vec::new();
    object(metadata, Place::Anywhere, 0, &mut lines);
    lines
}

/// Where an object stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Within `changes`.
    Changes,
    Anywhere,
}

fn object(object: &Map<String, Value>, place: Place, depth: usize, lines: &mut Vec<String>) {
    // Some programs are built so that JSON objects keep the order in which they were read.
    let mut members: Vec<_> = object.iter().collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    for (key, value) in members {
        let pair = key.strip_prefix("new_").and_then(|name| Some((name, object.get(&format!("old_{name}"))?)));
        if let Some((name, old)) = pair {
            change(name, old, value, depth, lines);
        } else if !key.strip_prefix("old_").is_some_and(|name| object.contains_key(&format!("new_{name}"))) {
            member(key, value, place, depth, lines);
        }
    }
}

fn member(key: &str, value: &Value, place: Place, depth: usize, lines: &mut Vec<String>) {
    match value {
        Value::Object(inner) if is_change(inner, place) => {
            let side = |name| inner.get(name).unwrap_or(&Value::Null);
            change(key, side("from"), side("to"), depth, lines);
        }
        Value::Object(inner) if !inner.is_empty() => {
            lines.push(format!("{}{}", indent(depth), visible(key)));
            let place = if key == "changes" { Place::Changes } else { place };
            object(inner, place, depth + 1, lines);
        }
        value => lines.push(format!("{}{}  {}", indent(depth), visible(key), shown(value))),
    }
}

/// What `audit_core::diff` makes has but one side where something was added or removed; elsewhere that may mean anything.
fn is_change(object: &Map<String, Value>, place: Place) -> bool {
    let sides = ["from", "to"].iter().filter(|side| object.contains_key(**side)).count();
    sides == object.len() && (sides == 2 || (sides == 1 && place == Place::Changes))
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
            "changes": { "limits": { "seats": { "from": 3, "to": 5 } }, "name": { "from": null, "to": "Our\u{202e}s" },
                         "owner": { "to": 7 }, "plan": { "from": "free" } },
            "old_role": "viewer",
            "new_role": "owner",
            "old_value": 1,
            "reason": "a b",
            "empty": {},
            "mail": { "to": "ann" },
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
                "  owner",
                "    - nothing",
                "    + 7",
                "  plan",
                "    - free",
                "    + nothing",
                "empty  {}",
                "mail",
                "  to  ann",
                "role",
                "  - viewer",
                "  + owner",
                "old_value  1",
                "reason  \"a b\"",
            ]
        );
    }
}
