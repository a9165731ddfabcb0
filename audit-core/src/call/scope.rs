//! The innermost audited call in progress on this thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::Value;

use super::{Call, Site};
use crate::Metadata;

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

    /// Whether the attribute announced a field of this name.
    fn declares(&self, name: &str) -> bool {
        self.site.info.free_form || self.site.later.contains(&name)
    }
}

/// A call's turn on this thread, from [`Self::enter`] until it leaves or unwinds.
pub(super) struct Turn<'a> {
    call: &'a mut Call,
    outer: Option<Notes>,
    left: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn enter(call: &'a mut Call) -> Self {
        let notes = call.notes.take();
        // On a thread whose locals are gone already, `annotate!` finds no call.
        let outer = INNERMOST.try_with(|innermost| innermost.replace(notes)).unwrap_or_default();
        Self { call, outer, left: false }
    }

    pub(super) fn leave(mut self) {
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
    if is_unheard() {
        return;
    }
    let name = name.trim_start_matches("r#");
    // Serialising runs code of the user's, which may panic, or annotate in its turn: it finds the notes in their place.
    let mut addition = Metadata::new();
    addition.insert(name, value);
    let heard = INNERMOST.try_with(|innermost| {
        let mut notes = innermost.take()?;
        let (action, declared) = (notes.site.info.name, notes.declares(name));
        if !declared {
            addition.mark(&format!("undeclared: {name}"), Value::Bool(true));
        }
        notes.metadata.get_or_insert_default().extend(addition);
        innermost.set(Some(notes));
        Some((action, declared))
    });
    match heard.ok().flatten() {
        Some((_, true)) => {}
        Some((action, false)) => tracing::warn!(
            action,
            name,
            "annotated metadata was not declared; write `metadata({name} = later)` in the attribute"
        ),
        None if WARNED.swap(true, Ordering::Relaxed) => {}
        None => tracing::warn!(name, "`annotate!` outside of every audited call adds nothing; said once"),
    }
}
