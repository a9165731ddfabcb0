//! Comparing two values for the log.

use serde::Serialize;
use serde_json::{Map, Value};

use super::fields::serialized_changes;
use super::json::leaf;

/// A value whose changes can be recorded. Derive it.
///
/// Numbers, text, times, addresses and JSON have it; so have an `Option`, a list, a map or a pointer of what has it. A
/// type without it is refused, and never recorded by its `Serialize`: a secret that is nested in it would go along.
///
/// # The derive
///
/// On a struct or an enum; every field implements `Diff`, or is marked:
///
/// | on a field | its changes |
/// |---|---|
/// | `#[audit(secret)]` | show that it changed, never a value. Needs no `Serialize`; the field implements `PartialEq`, or is a type of the crate `secrecy` (feature `secrecy`) |
/// | <code>#\[audit(secret = \|field\| EXPR)]</code> | the same, where `EXPR` is what can be compared |
/// | `#[audit(serialize)]` | are those of what it serialises to: for a type of another crate, without secrets |
/// | `#[audit(skip)]` | are not recorded |
///
/// On the type, `#[audit(crate = path)]` says where audit-core is.
///
/// # Examples
///
/// ```
/// use audit_core::{Diff, diff};
/// use serde_json::json;
///
/// #[derive(Diff)]
/// struct Webhook {
///     url: String,
///     retries: Retries,
///     #[audit(secret)]
///     signing_key: [u8; 4],
///     #[audit(skip)]
///     touched: u64,
/// }
///
/// #[derive(Diff)]
/// struct Retries {
///     limit: u8,
///     seconds: Option<u32>,
/// }
///
/// let before = Webhook {
///     url: "https://a.example".to_owned(),
///     retries: Retries { limit: 3, seconds: None },
///     signing_key: *b"old!",
///     touched: 1,
/// };
/// let after = Webhook {
///     url: "https://a.example".to_owned(),
///     retries: Retries { limit: 3, seconds: Some(20) },
///     signing_key: *b"new!",
///     touched: 2,
/// };
/// assert_eq!(
///     diff(&before, &after),
///     json!({
///         "retries": { "seconds": { "from": null, "to": 20 } },
///         "signing_key": { "from": "[redacted]", "to": "[redacted]" },
///     }),
/// );
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be compared for the audit log",
    label = "does not implement `audit_core::Diff`",
    note = "write `#[derive(audit_core::Diff)]` on a type of your own",
    note = "mark a field `#[audit(secret)]` to show only that it changed, `#[audit(serialize)]` to compare what it serialises to, `#[audit(skip)]` to leave it out",
    note = "whole values without secrets can be compared by what they serialise to: `audit_core::diff_serialized`"
)]
pub trait Diff {
    /// The value as it is recorded, without its secrets.
    fn record(&self) -> Value;

    /// What is different afterwards: `{"from": …, "to": …}`, or the changed fields, each with its changes. `None` where
    /// nothing is.
    fn changes(&self, after: &Self) -> Option<Value> {
        let (from, to) = (self.record(), after.record());
        (from != to).then(|| leaf(from, to))
    }
}

/// What changed, field by field: `{"name": {"from": "old", "to": "new"}}`, without secrets.
///
/// * Fields of fields are nested: `{"address": {"city": {"from": …, "to": …}}}`. An object whose only keys are `from`
///   and `to` is always a change, never a field (a type whose own fields have these names is not taken apart).
/// * A list is one value. An entry that was added to a map has no `from`, one that was removed no `to`.
/// * A [secret](Diff#the-derive) that changed is `{"from": "[redacted]", "to": "[redacted]"}`.
/// * If nothing changed, it is `{}`.
///
/// # Examples
///
/// In the body of an audited function that alone knows both states:
///
/// ```
/// use audit_core::{Diff, annotate, audited, diff};
///
/// #[derive(Clone, Diff)]
/// struct Project {
///     name: String,
///     #[audit(secret)]
///     token: String,
/// }
///
/// #[audited(action = "project.updated", target_id = id, metadata(changes = later))]
/// fn rename(id: u64, project: &mut Project, name: &str) {
///     let before = project.clone();
///     project.name = name.to_owned();
///     annotate!(changes = diff(&before, project));
/// }
/// ```
#[must_use]
pub fn diff<T: Diff + ?Sized>(before: &T, after: &T) -> Value {
    before.changes(after).unwrap_or_else(|| Value::Object(Map::new()))
}

/// [`diff`] of what two values serialise to, for types that do not implement [`Diff`].
///
/// Everything that the values serialise to may be recorded: a type with secrets derives [`Diff`] instead.
///
/// # Examples
///
/// ```
/// use audit_core::diff_serialized;
/// use serde_json::json;
///
/// #[derive(serde::Serialize)]
/// struct Plan {
///     seats: u32,
///     name: &'static str,
/// }
///
/// let changes = diff_serialized(&Plan { seats: 5, name: "team" }, &Plan { seats: 8, name: "team" });
/// assert_eq!(changes, json!({ "seats": { "from": 5, "to": 8 } }));
/// ```
#[must_use]
pub fn diff_serialized<T: Serialize + ?Sized>(before: &T, after: &T) -> Value {
    serialized_changes(before, after).unwrap_or_else(|| Value::Object(Map::new()))
}
