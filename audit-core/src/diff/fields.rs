//! What the derive calls for the fields of a type.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Diff;
use super::json::nest;

/// What stands in the log for a secret.
const REDACTED: &str = "[redacted]";

/// What stands in the log for a secret.
#[must_use]
pub fn redacted() -> Value {
    Value::String(REDACTED.to_owned())
}

/// What a value serialises to; one that cannot be serialised says so.
pub(super) fn serialized<T: Serialize + ?Sized>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| Value::String(format!("unserialisable: {error}")))
}

/// What `#[audit(serialize)]` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be compared by what it serialises to",
    label = "does not implement `Serialize`",
    note = "write `#[audit(secret)]` to show only that it changed, or `#[audit(skip)]` to leave it out"
)]
pub trait Serializable: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Serializable for T {}

/// The changes of what a value serialises to.
pub fn serialized_changes<T: Serializable + ?Sized>(before: &T, after: &T) -> Option<Value> {
    serialized(before).changes(&serialized(after))
}

/// Fields as they are recorded.
#[must_use]
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The changes of a value from those of its fields.
pub fn nested<T: Diff, const N: usize>(before: &T, after: &T, fields: [(&str, Option<Value>); N]) -> Option<Value> {
    let changed = fields.into_iter().filter_map(|(name, change)| Some((name.to_owned(), change?)));
    nest(changed.collect::<Map<_, _>>(), || (before.record(), after.record()))
}
