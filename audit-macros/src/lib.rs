//! The `#[audited]` attribute and the derives of audit-core, which re-exports them.
//!
//! Each macro is a pipeline of stages, one file a stage: syntax is read into a model, the model is
//! checked on the way, and a model that stands is expanded without failing. Every stage reports into
//! one `Ctxt`, so that several mistakes show up in one compile.

mod audited;
mod catalog;
mod ctxt;
mod diff;
mod durability;
mod krate;
mod name;
mod outcome;
mod place;
mod target;

use proc_macro::TokenStream;

/// Makes an enum a catalog of actions.
///
/// * Each variant is an action, `#[audit(action = "thing.done", target = "thing")]`: a name of lower-case
///   words joined by dots, and the type of the thing it is done to.
/// * Its named fields are its metadata; an `Option` may be left out. A unit variant takes metadata of any name.
/// * Its doc comments, and those of its fields, are kept as descriptions.
/// * `#[audit(include)] Base(AuditAction)` embeds another catalog, which must not include one itself.
/// * On the enum, `#[audit(attribute = "recorded")]` renames the attribute that the derive lays beside it, and
///   `#[audit(crate = path)]` says where audit-core is.
#[proc_macro_derive(Catalog, attributes(audit))]
pub fn derive_catalog(input: TokenStream) -> TokenStream {
    catalog::derive(input.into()).into()
}

/// Lets a struct name its own id as a target: its field `id`, or the one marked with `#[audit(id)]`, by its
/// `Display`. On the struct, `#[audit(crate = path)]` says where audit-core is.
#[proc_macro_derive(AuditTarget, attributes(audit))]
pub fn derive_audit_target(input: TokenStream) -> TokenStream {
    target::derive(input.into()).into()
}

/// Lets an error, or a success value, say how the call ended that returned it.
///
/// * A struct, or a variant of an enum, is a failure, unless it is marked with `#[audit(denied)]` or `#[audit(success)]`.
/// * `#[audit(transparent)]` asks its only field, whose type implements `AuditOutcome`.
#[proc_macro_derive(AuditOutcome, attributes(audit))]
pub fn derive_audit_outcome(input: TokenStream) -> TokenStream {
    outcome::derive(input.into()).into()
}

/// Compares a type for the audit log, field by field, and keeps its secrets back: see the trait of this name.
#[proc_macro_derive(Diff, attributes(audit))]
pub fn derive_diff(input: TokenStream) -> TokenStream {
    diff::derive(input.into()).into()
}

/// Records each call of a function in the audit log, once, however it ends.
///
/// Import it together with the catalog that it is checked against: `use audit_core::audited;` for the
/// built-in one, `use crate::audit::audited;` for one that was derived in the module `audit`.
///
/// | argument | meaning |
/// |---|---|
/// | `action = "project.created"` | what is done: a name of the catalog, or its variant, `Action::ProjectCreated` |
/// | `target = "project"` | the target type; optional, and an error where it is not the catalog's |
/// | `target_id = EXPR` | over the arguments and `self`; anything that implements `Display`, or an `Option` of it |
/// | <code>target_id = \|ok\| EXPR</code> | over the success value |
/// | `actor = EXPR` | an `Actor` or an `Option` of one; otherwise the context's |
/// | `metadata(a, b = EXPR)` | an argument, or an expression, of the type that the catalog declares |
/// | `metadata(%a, b = ?EXPR)` | the value as text, by `Display` or by `Debug` |
/// | <code>metadata(ret a = \|ok\| EXPR)</code> | over the success value |
/// | `metadata(a = later)` | supplied by the body through `annotate!` |
/// | <code>err = \|error\| EXPR</code> | what is kept of the error, instead of all that its `Display` says |
/// | <code>outcome = \|returned\| EXPR</code> | the `Outcome` that the whole returned value means |
/// | `skip_if = EXPR` | over the arguments: where it is true, the call is not recorded |
/// | `durability = "durable"` | the function returns when its entry is stored, or in the journal; `"before"`: its body runs when an `attempted` entry is, and the function returns an error if none can be (`From<audit_core::Error>`); default: what the catalog says, or `"queued"` |
/// | `tx = EXPR` | the entry of a success is in the caller's transaction (sqlx, on PostgreSQL or SQLite): `tx = tx`, `tx = &mut *self.tx`, over the arguments, evaluated after the body of an `async fn`. Other outcomes are queued. If the entry cannot be written, the function returns an error (`From<audit_core::Error>`) and a failure is recorded |
/// | `on = "success"` | only a success is recorded; `"failure"`: only what is no success; default `"always"` |
/// | `catalog = path` | the catalog, where it is not the attribute's own |
/// | `crate = path` | where audit-core is |
///
/// Without `target_id`, an argument `<target>_id` gives it; else an argument `<target>`, or else the success
/// value, either of a type that implements `AuditTarget`. `<target>` is the `target` argument, or the first
/// word of the action.
///
/// In a macro, the catalog is that of the place where the function comes to stand; an attribute that the macro
/// finds by `$crate` names it: `#[$crate::audit::audited(catalog = $crate::audit::audited, …)]`.
///
/// On an `impl` block, the arguments other than `action` and `metadata` are defaults of the audited methods
/// inside it.
///
/// # Outcomes
///
/// An `Err` is a failure, and what its `Display` says is kept (the name of its type where it has no
/// `Display`); every other value is a success. An error or a success value that implements `AuditOutcome`
/// decides for itself, which is how a refusal is recorded as denied; `outcome` overrides both. A value
/// whose type hides its `Result` (a type parameter, an `impl Trait`) is a success, but of a response, also
/// `impl IntoResponse` or `impl Responder`, its status must be known: see `AuditOutcome`.
///
/// A panic is recorded as panicked and goes on. A future that is dropped before its end is recorded as
/// cancelled; one that was never polled, or was dropped while it waited for its place in the queue, was no
/// call.
///
/// `std::process::exit` runs no destructors, so a call that ends the process has no entry of its end: with
/// `durability = "before"` its attempt is in the log, otherwise nothing. Calls that returned before are kept as their
/// durability says, and all of them after `WriterGuard::shutdown`.
///
/// A function that returns `impl Future`, `Pin<Box<dyn Future>>` or a `BoxFuture` is recorded like an
/// `async fn`: its call begins when the future is first polled. What it does before it returns the future is
/// recorded only if it panics. Any other type that is a future is refused,
/// unless `outcome` says what it means.
///
/// Expressions over the arguments are evaluated before the body runs, those over the success value after it.
/// One that panics leaves a mark in the metadata, and the function goes on.
///
/// Arguments that are given by value are dropped in the order of the function without the attribute, before its entry is
/// told. Only what no name holds is dropped later, when the function is left: an argument `_`, and what a pattern leaves of
/// one.
#[proc_macro_attribute]
pub fn audited(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let text = proc_macro2::Span::call_site().source_text().unwrap_or_default();
    audited::attribute(&text, arguments.into(), item.into()).into()
}
