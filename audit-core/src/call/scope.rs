//! The innermost audited call in progress on this thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::Value;

use super::{Call, Site};
use crate::catalog::fits::fits;
use crate::{Auditor, Metadata};

thread_local! {
    static INNERMOST: Cell<Option<Notes>> = const { Cell::new(None) };
}

/// What the body of a call said through `annotate!`.
#[derive(Debug)]
pub(super) struct Notes {
    site: &'static Site,
    /// Whether the call is recorded.
    is_heard: bool,
    metadata: Option<Box<Metadata>>,
}

impl Notes {
    pub(super) const fn new(site: &'static Site, is_heard: bool) -> Self {
        Self { site, is_heard, metadata: None }
    }

    pub(super) fn into_metadata(self) -> Option<Box<Metadata>> {
        self.metadata
    }

    /// What is to be said against the field, if anything is: neither keeps it from being recorded.
    fn objection(&self, name: &str, value: Option<&Value>) -> Option<Objection> {
        let info = self.site.info;
        if info.free_form {
            return None;
        }
        if !self.site.later.contains(&name) {
            return Some(Objection::Undeclared);
        }
        let (field, value) = (info.field(name)?, value?);
        (!fits(field.type_name, value)).then_some(Objection::Mistyped { declared: field.type_name })
    }
}

/// What is wrong with an annotation.
#[derive(Debug, Clone, Copy)]
enum Objection {
    /// The attribute did not announce it.
    Undeclared,
    /// The catalog declares another type.
    Mistyped { declared: &'static str },
}

impl Objection {
    const fn mark(self) -> &'static str {
        match self {
            Self::Undeclared => "undeclared",
            Self::Mistyped { .. } => "mistyped",
        }
    }

    fn warn(self, action: &str, name: &str) {
        match self {
            Self::Undeclared => tracing::warn!(
                action,
                name,
                "annotated metadata was not declared; write `metadata({name} = later)` in the attribute"
            ),
            Self::Mistyped { declared } => {
                tracing::warn!(
                    action,
                    name,
                    declared,
                    "annotated metadata is not of the type that the catalog declares"
                );
            }
        }
    }
}

/// Runs the body of a call, or what one poll runs of it, as the innermost on this thread.
pub(super) fn turn<R>(call: &mut Call, body: impl FnOnce() -> R) -> R {
    // Nobody listens to annotations then.
    if call.captures.skipped && Auditor::is_off() {
        return body();
    }
    let turn = Turn::enter(call);
    let value = body();
    turn.leave();
    value
}

/// A call's turn on this thread, from [`Self::enter`] until it leaves or unwinds.
struct Turn<'a> {
    call: &'a mut Call,
    outer: Option<Notes>,
    left: bool,
}

impl<'a> Turn<'a> {
    fn enter(call: &'a mut Call) -> Self {
        let notes = call.notes.take();
        // On a thread whose locals are gone already, `annotate!` finds no call.
        let outer = INNERMOST.try_with(|innermost| innermost.replace(notes)).unwrap_or_default();
        Self { call, outer, left: false }
    }

    fn leave(mut self) {
        self.left = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let outer = self.outer.take();
        self.call.notes = INNERMOST.try_with(|innermost| innermost.replace(outer)).unwrap_or_default();
        if !self.left {
            self.call.panicked();
        }
    }
}

/// Whether the innermost call in progress is not recorded.
fn is_unheard() -> bool {
    let peek = |innermost: &Cell<Option<Notes>>| {
        let notes = innermost.take();
        let unheard = notes.as_ref().is_some_and(|notes| !notes.is_heard);
        innermost.set(notes);
        unheard
    };
    INNERMOST.try_with(peek).unwrap_or_default()
}

/// Adds metadata to the innermost call in progress; see [`annotate!`](crate::annotate!).
pub fn annotate<T: Serialize + ?Sized>(name: &str, value: &T) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if Auditor::is_off() || is_unheard() {
        return;
    }
    let name = name.trim_start_matches("r#");
    // Serialising runs code of the user's, which may panic, or annotate in its turn: it finds the notes in their place.
    let mut addition = Metadata::new();
    addition.insert(name, value);
    let heard = INNERMOST.try_with(|innermost| {
        let mut notes = innermost.take()?;
        let (action, objection) = (notes.site.info.name, notes.objection(name, addition.get(name)));
        if let Some(objection) = objection {
            addition.mark(&format!("{}: {name}", objection.mark()), Value::Bool(true));
        }
        notes.metadata.get_or_insert_default().extend(addition);
        innermost.set(Some(notes));
        Some((action, objection))
    });
    match heard.ok().flatten() {
        Some((action, Some(objection))) => objection.warn(action, name),
        Some((_, None)) => {}
        None if WARNED.swap(true, Ordering::Relaxed) => {}
        None => tracing::warn!(name, "`annotate!` outside of every audited call adds nothing; said once"),
    }
}
