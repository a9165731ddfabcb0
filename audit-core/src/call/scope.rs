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
    metadata: Metadata,
}

impl Notes {
    pub(super) fn new(site: &'static Site) -> Self {
        Self { site, metadata: Metadata::new() }
    }

    pub(super) fn into_metadata(self) -> Metadata {
        self.metadata
    }

    fn add<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        let declared = self.site.info.free_form || self.site.later.contains(&name);
        if !declared {
            tracing::warn!(
                action = self.site.info.name,
                name,
                "annotated metadata was not declared; write `metadata({name} = later)` in the attribute"
            );
            self.metadata.mark(&format!("undeclared: {name}"), Value::Bool(true));
        }
        self.metadata.insert(name, value);
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

/// Adds metadata to the innermost call in progress; see [`annotate!`](crate::annotate!).
pub fn annotate<T: Serialize + ?Sized>(name: &str, value: &T) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    let heard = INNERMOST.try_with(|innermost| match innermost.take() {
        Some(mut notes) => {
            notes.add(name.trim_start_matches("r#"), value);
            innermost.set(Some(notes));
            true
        }
        None => false,
    });
    if !heard.unwrap_or_default() && !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(name, "`annotate!` outside of every audited call adds nothing; said once");
    }
}
