//! What a change of a catalog breaks for those who read the log.

use std::fmt;

use serde::Deserialize;

use super::similar::{distance, tolerance};

/// Something that readers of the log relied on, and that is no longer so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakingChange {
    /// An action is gone, or has another name.
    ActionRemoved {
        /// Its name until now.
        action: String,
        /// A similar name that is new.
        renamed_to: Option<String>,
    },
    /// An action is done to another kind of thing.
    TargetChanged {
        /// The action.
        action: String,
        /// The target type until now.
        from: String,
        /// The target type from now on.
        to: String,
    },
    /// A metadata field is gone, or has another name.
    FieldRemoved {
        /// The action.
        action: String,
        /// The field.
        field: String,
    },
    /// A metadata field has another type.
    FieldRetyped {
        /// The action.
        action: String,
        /// The field.
        field: String,
        /// The type until now, as written.
        from: String,
        /// The type from now on, as written.
        to: String,
    },
    /// A metadata field that was always there may be left out.
    FieldOptional {
        /// The action.
        action: String,
        /// The field.
        field: String,
    },
}

impl fmt::Display for BreakingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ActionRemoved { action, renamed_to: None } => write!(f, "action `{action}` is gone"),
            Self::ActionRemoved { action, renamed_to: Some(new) } => {
                write!(
                    f,
                    "action `{action}` is gone, and `{new}` is new: entries keep the name they were recorded with"
                )
            }
            Self::TargetChanged { action, from, to } => {
                write!(f, "action `{action}` was done to `{from}`, and now is to `{to}`")
            }
            Self::FieldRemoved { action, field } => write!(f, "metadata `{field}` of `{action}` is gone"),
            Self::FieldRetyped { action, field, from, to } => {
                write!(f, "metadata `{field}` of `{action}` was `{from}`, and now is `{to}`")
            }
            Self::FieldOptional { action, field } => {
                write!(f, "metadata `{field}` of `{action}` was always there, and now may be left out")
            }
        }
    }
}

/// A text that is no catalog.
#[derive(Debug, thiserror::Error)]
#[error("this is no catalog: write it with `audit catalog --format json`, or `audit_core::catalog::render::json`")]
pub struct NotACatalog(#[source] serde_json::Error);

/// What a catalog breaks for those who read entries of an earlier one; both as [`render::json`](super::render::json)
/// writes them. New actions and new fields break nothing.
///
/// # Errors
///
/// When one of them is no catalog.
///
/// # Examples
///
/// In a test of one's own catalog, beside a file that is written anew when a change is meant:
///
/// ```
/// use audit_core::catalog::{breaking_changes, render};
/// # let earlier = render::json::<audit_core::AuditAction>();
///
/// let changes = breaking_changes(&earlier, &render::json::<audit_core::AuditAction>())?;
/// assert_eq!(changes, []);
/// # Ok::<(), audit_core::catalog::NotACatalog>(())
/// ```
pub fn breaking_changes(earlier: &str, now: &str) -> Result<Vec<BreakingChange>, NotACatalog> {
    let read = |text| serde_json::from_str::<Vec<Action>>(text).map_err(NotACatalog);
    let (earlier, now) = (read(earlier)?, read(now)?);
    let mut changes = Vec::new();
    for action in &earlier {
        match now.iter().find(|other| other.name == action.name) {
            Some(other) => action.compare(other, &mut changes),
            None => changes.push(BreakingChange::ActionRemoved {
                action: action.name.clone(),
                renamed_to: renamed(&action.name, &earlier, &now),
            }),
        }
    }
    Ok(changes)
}

#[derive(Deserialize)]
struct Action {
    name: String,
    target: String,
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    #[serde(rename = "type")]
    type_name: String,
    optional: bool,
}

impl Action {
    fn compare(&self, now: &Self, changes: &mut Vec<BreakingChange>) {
        let action = || self.name.clone();
        if self.target != now.target {
            let (from, to) = (self.target.clone(), now.target.clone());
            changes.push(BreakingChange::TargetChanged { action: action(), from, to });
        }
        for field in &self.fields {
            let name = || field.name.clone();
            match now.fields.iter().find(|other| other.name == field.name) {
                None => changes.push(BreakingChange::FieldRemoved { action: action(), field: name() }),
                Some(other) if field.value_type() != other.value_type() => {
                    let (from, to) = (field.type_name.clone(), other.type_name.clone());
                    changes.push(BreakingChange::FieldRetyped { action: action(), field: name(), from, to });
                }
                Some(other) if other.optional && !field.optional => {
                    changes.push(BreakingChange::FieldOptional { action: action(), field: name() });
                }
                Some(_) => {}
            }
        }
    }
}

impl Field {
    /// The type of the value where there is one.
    fn value_type(&self) -> &str {
        let inner = self.type_name.strip_prefix("Option<").and_then(|inner| inner.strip_suffix('>'));
        inner.filter(|_| self.optional).unwrap_or(&self.type_name)
    }
}

fn renamed(gone: &str, earlier: &[Action], now: &[Action]) -> Option<String> {
    now.iter()
        .map(|action| action.name.as_str())
        .filter(|name| earlier.iter().all(|action| action.name != *name))
        .filter(|name| distance(gone, name) <= tolerance(gone))
        .min_by_key(|name| distance(gone, name))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn field(name: &str, type_name: &str) -> Value {
        json!({ "name": name, "type": type_name, "optional": type_name.starts_with("Option<") })
    }

    fn changes(earlier: &Value, now: &Value) -> Vec<String> {
        let changes = breaking_changes(&earlier.to_string(), &now.to_string()).unwrap();
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_readers_rely_on_is_missed_and_what_is_new_is_not() {
        let earlier = json!([
            { "name": "a.made", "target": "a", "fields": [field("x", "String"), field("y", "i64"), field("z", "i64")] },
            { "name": "a.renamd", "target": "a", "fields": [] },
            { "name": "b.gone", "target": "b", "fields": [] },
        ]);
        let now = json!([
            { "name": "a.made", "target": "c", "fields": [field("x", "Option<String>"), field("y", "String"), field("new", "u8")] },
            { "name": "a.renamed", "target": "a", "fields": [] },
            { "name": "q.new", "target": "q", "fields": [] },
        ]);
        assert_eq!(
            changes(&earlier, &now),
            [
                "action `a.made` was done to `a`, and now is to `c`",
                "metadata `x` of `a.made` was always there, and now may be left out",
                "metadata `y` of `a.made` was `i64`, and now is `String`",
                "metadata `z` of `a.made` is gone",
                "action `a.renamd` is gone, and `a.renamed` is new: entries keep the name they were recorded with",
                "action `b.gone` is gone",
            ]
        );
        assert_eq!(changes(&now, &now), Vec::<String>::new());
        let stricter = json!([{ "name": "a.made", "target": "a", "fields": [field("x", "String")] }]);
        let laxer = json!([{ "name": "a.made", "target": "a", "fields": [field("x", "Option<String>")] }]);
        assert_eq!(changes(&laxer, &stricter), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_catalog_is_refused() {
        let error = breaking_changes("{}", "[]").unwrap_err();
        assert!(error.to_string().starts_with("this is no catalog"), "{error}");
    }
}
