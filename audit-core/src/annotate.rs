//! Metadata that only the body of an audited function knows.

/// Adds metadata to the innermost audited call in progress on this task or thread.
///
/// Declare the name in the attribute, `metadata(changes = later)`, unless the action's metadata is
/// free-form: a name that was not declared is kept, marked and warned about, and so is a value that is not of
/// the type that the catalog declares. (The compiler cannot see it: the body may call what annotates.) Outside of
/// every audited call it adds nothing, and says so once through `tracing`. A second value for a name replaces the
/// first.
///
/// A task that is spawned, or another thread, is outside of the call.
///
/// # Examples
///
/// ```
/// use audit_core::{annotate, audited};
///
/// #[audited(action = "project.updated", target_id = id, metadata(changes = later))]
/// fn rename(id: &str, from: &str, to: &str) {
///     annotate!(changes = serde_json::json!({ "name": { "from": from, "to": to } }));
/// }
/// ```
#[macro_export]
macro_rules! annotate {
    ($($name:ident = $value:expr),+ $(,)?) => {
        { $($crate::__private::annotate(::core::stringify!($name), &$value);)+ }
    };
}
