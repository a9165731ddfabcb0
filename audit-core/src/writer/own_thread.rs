//! Which threads are writers' own.
//!
//! A writer's thread runs code of the application: its `tracing` layers, its `Store`. Such code may record, but never wait
//! for what it recorded: nobody else would store it, and nobody else keeps the deadline of the wait.

use std::cell::Cell;

thread_local! {
    static IS_WRITER: Cell<bool> = const { Cell::new(false) };
}

/// This thread is a writer's, from now on.
pub(super) fn begin() {
    IS_WRITER.set(true);
}

/// Whether this thread is a writer's.
pub(crate) fn is_here() -> bool {
    IS_WRITER.get()
}
