//! Metadata field by field, with what changed as before and after.

use serde_json::{Map, Value};

use crate::render::escape::visible;
use crate::render::shown::shown;

/// A field of the metadata, safe to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// The keys that lead to it, with dots between.
    pub(super) path: String,
    pub(super) value: Side,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// What is there.
    One(String),
    /// What was there and what is there now; `None` for nothing.
    Two(Option<String>, Option<String>),
}

/// The fields of some metadata: `{"from": …, "to": …}` as a change, and so `old_role` beside `new_role`.
pub(super) fn members(metadata: &Map<String, Value>) -> Vec<Member> {
    let mut members = Vec::new();
    collect(metadata, "", &mut members);
    members
}

fn collect(object: &Map<String, Value>, path: &str, members: &mut Vec<Member>) {
    for (key, value) in object {
        let pair = key.strip_prefix("new_").and_then(|name| Some((name, object.get(&format!("old_{name}"))?)));
        if let Some((name, old)) = pair {
            members.push(change(below(path, name), old, value));
        } else if !key.strip_prefix("old_").is_some_and(|name| object.contains_key(&format!("new_{name}"))) {
            member(below(path, key), value, members);
        }
    }
}

fn member(path: String, value: &Value, members: &mut Vec<Member>) {
    match value {
        Value::Object(inner) if inner.len() == 2 && inner.contains_key("from") && inner.contains_key("to") => {
            members.push(change(path, &inner["from"], &inner["to"]));
        }
        Value::Object(inner) if !inner.is_empty() => collect(inner, &path, members),
        value => members.push(Member { path, value: Side::One(shown(value)) }),
    }
}

fn change(path: String, from: &Value, to: &Value) -> Member {
    let side = |value: &Value| (!value.is_null()).then(|| shown(value));
    Member { path, value: Side::Two(side(from), side(to)) }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { visible(key).into_owned() } else { format!("{path}.{}", visible(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_has_two_sides_wherever_it_stands() {
        let metadata = serde_json::json!({
            "changes": { "limits": { "seats": { "from": 3, "to": 5 } }, "name": { "from": null, "to": "a\u{202e}" } },
            "old_role": "viewer",
            "new_role": "owner",
            "reason": "unpaid",
        });
        let two = |from: Option<&str>, to: &str| Side::Two(from.map(str::to_owned), Some(to.to_owned()));
        let member = |path: &str, value| Member { path: path.to_owned(), value };
        assert_eq!(
            members(metadata.as_object().unwrap()),
            [
                member("changes.limits.seats", two(Some("3"), "5")),
                member("changes.name", two(None, "a\\u{202e}")),
                member("role", two(Some("viewer"), "owner")),
                member("reason", Side::One("unpaid".to_owned())),
            ]
        );
    }
}
