//! What was named in the attribute.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use crate::metadata::Details;
use crate::{Actor, Auditor};

/// What was named in the attribute, as far as it is known. An expression that panics leaves a mark in the
/// metadata instead of its value.
#[derive(Debug, Default)]
pub struct Captures {
    pub(super) target_id: Option<String>,
    /// Apart, because most calls leave the context's, and futures hold them.
    pub(super) actor: Option<Box<Actor>>,
    pub(super) metadata: Details,
    /// Whether the call is not to be recorded.
    pub(super) skipped: bool,
}

impl Captures {
    /// Nothing yet. Where auditing is disabled, it stays nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { skipped: Auditor::is_disabled_here(), ..Self::default() }
    }

    /// [`Self::new`], ahead of a future that may be polled in another context than this.
    #[must_use]
    pub fn ahead() -> Self {
        Self { skipped: Auditor::is_disabled_everywhere(), ..Self::default() }
    }

    /// Captures nothing more, and records nothing, if the condition holds. One that panics does not hold.
    pub fn skip_if(&mut self, condition: impl FnOnce() -> bool) {
        self.skipped |= self.attempt("skip_if", condition) == Some(true);
    }

    /// Captures the id of the target, where there is one.
    #[inline]
    pub fn target_id(&mut self, id: impl FnOnce() -> Option<String>) {
        if !self.skipped {
            self.take_target_id(id);
        }
    }

    // Apart, so that where auditing is disabled the caller does not even call.
    fn take_target_id(&mut self, id: impl FnOnce() -> Option<String>) {
        self.target_id = self.attempt("target_id", id).flatten();
    }

    /// Captures the actor; none leaves the context's.
    pub fn actor<A: NamesActor>(&mut self, actor: impl FnOnce() -> A) {
        self.actor = self.attempt("actor", || actor().into_actor()).flatten().map(Box::new);
    }

    /// Captures a metadata field.
    pub fn computed(&mut self, name: &'static str, value: impl FnOnce() -> Value) {
        self.field_if_any(name, || Some(value()));
    }

    /// Captures a metadata field, where there is a value.
    #[inline]
    pub fn field_if_any(&mut self, name: &'static str, value: impl FnOnce() -> Option<Value>) {
        if !self.skipped {
            self.take_field(name, value);
        }
    }

    fn take_field(&mut self, name: &'static str, value: impl FnOnce() -> Option<Value>) {
        if let Some(value) = self.attempt(name, value).flatten() {
            self.metadata.field(name, value);
        }
    }

    /// Runs an expression of the attribute; a panic in it stays here.
    pub(super) fn attempt<T>(&mut self, name: &str, expression: impl FnOnce() -> T) -> Option<T> {
        if self.skipped {
            return None;
        }
        // Whatever the expression left half done is the user's own, who sees the panic's message.
        let result = catch_unwind(AssertUnwindSafe(expression)).ok();
        if result.is_none() {
            self.metadata.others().mark(&format!("panicked: {name}"), Value::Bool(true));
        }
        result
    }
}

/// What may be given for `actor`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an actor",
    label = "expected `Actor` or `Option<Actor>`",
    note = "write `actor = Actor::user(id)`, `Actor::system(name)` or `Actor::api_key(id)`"
)]
pub trait NamesActor {
    /// The actor; none leaves the context's.
    fn into_actor(self) -> Option<Actor>;
}

impl NamesActor for Actor {
    fn into_actor(self) -> Option<Actor> {
        Some(self)
    }
}

impl NamesActor for &Actor {
    fn into_actor(self) -> Option<Actor> {
        Some(self.clone())
    }
}

#[diagnostic::do_not_recommend]
impl<A: NamesActor> NamesActor for Option<A> {
    fn into_actor(self) -> Option<Actor> {
        self.and_then(NamesActor::into_actor)
    }
}
