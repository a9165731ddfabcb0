//! What was named in the attribute.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use crate::{Actor, Metadata};

/// What was named in the attribute, as far as it is known. An expression that panics leaves a mark in the
/// metadata instead of its value.
#[derive(Debug, Default)]
pub struct Captures {
    pub(super) target_id: Option<String>,
    pub(super) actor: Option<Actor>,
    pub(super) metadata: Metadata,
}

impl Captures {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Captures the id of the target.
    pub fn target_id<T: Display>(&mut self, id: impl FnOnce() -> T) {
        self.target_id = self.attempt("target_id", || id().to_string());
    }

    /// Captures the id of the target, where there is one.
    pub fn target_id_if_any<T: Display>(&mut self, id: impl FnOnce() -> Option<T>) {
        self.target_id = self.attempt("target_id", || id().map(|id| id.to_string())).flatten();
    }

    /// Captures the actor; none leaves the context's.
    pub fn actor<A: Into<Option<Actor>>>(&mut self, actor: impl FnOnce() -> A) {
        self.actor = self.attempt("actor", || actor().into()).flatten();
    }

    /// Captures a metadata field.
    pub fn field(&mut self, name: &str, value: impl FnOnce() -> Value) {
        self.field_if_any(name, || Some(value()));
    }

    /// Captures a metadata field, where there is a value.
    pub fn field_if_any(&mut self, name: &str, value: impl FnOnce() -> Option<Value>) {
        if let Some(value) = self.attempt(name, value).flatten() {
            self.metadata.insert_value(name, value);
        }
    }

    /// Runs an expression of the attribute; a panic in it stays here.
    pub(super) fn attempt<T>(&mut self, name: &str, expression: impl FnOnce() -> T) -> Option<T> {
        // Whatever the expression left half done is the user's own, who sees the panic's message.
        let result = catch_unwind(AssertUnwindSafe(expression)).ok();
        if result.is_none() {
            self.metadata.mark(&format!("panicked: {name}"), Value::Bool(true));
        }
        result
    }
}
