//! Values of the log, as short as they can be told.

use serde_json::Value;

use super::escape::{json, visible};

/// A value: text without quotes where that is clear, everything else as JSON.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text)
            if !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "\"={}[]".contains(c)) =>
        {
            visible(text).into_owned()
        }
        other => json(&other.to_string()).into_owned(),
    }
}
