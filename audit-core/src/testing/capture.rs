//! An auditor that keeps what it hears.

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::Captured;
use crate::context::{self, Scope};
use crate::{Auditor, Context, Row};

/// An auditor that keeps what it hears, for one test. Clones hear the same.
///
/// # Examples
///
/// In a test whose future other tests' futures share a thread with, or that moves between threads:
///
/// ```
/// use audit_core::{assert_audited, audited, testing::Capture};
///
/// #[audited(action = "project.deleted")]
/// async fn delete(project_id: &str) {}
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let audit = Capture::new();
/// audit.scope(delete("proj_1")).await;
/// assert_audited!(in audit; action = "project.deleted", target = "proj_1");
/// assert_eq!(audit.rows().len(), 1);
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct Capture {
    auditor: Auditor,
    captured: Arc<Captured>,
}

impl Capture {
    /// One that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        let captured = Arc::default();
        Self { auditor: Auditor::capturing(Arc::clone(&captured)), captured }
    }

    /// The one of the context of the work in progress.
    #[must_use]
    pub fn current() -> Option<Self> {
        let auditor = Context::current().auditor()?.clone();
        let captured = Arc::clone(auditor.captured()?);
        Some(Self { auditor, captured })
    }

    /// The auditor, for a context, or for [`Auditor::record`].
    #[must_use]
    pub const fn auditor(&self) -> &Auditor {
        &self.auditor
    }

    /// Runs a future so that what it records is captured.
    pub fn scope<F: Future>(&self, future: F) -> Scope<F> {
        context::scope(self.context(), future)
    }

    /// Runs a closure so that what it records is captured.
    pub fn sync_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        context::sync_scope(self.context(), work)
    }

    /// What was recorded, in the order in which it was.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.captured.rows()
    }

    fn context(&self) -> Context {
        Context::current().with_auditor(self.auditor.clone())
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

/// Captures what the calling test records, until the guard is dropped.
///
/// It is bound to the thread, as `#[test]` and `#[tokio::test]` are, whatever the runtime of the latter. Futures that share the
/// thread with others need [`Capture::scope`].
pub fn capture() -> Capturing {
    let capture = Capture::new();
    let outer = context::replace(Some(capture.context()));
    Capturing { capture, outer, here: PhantomData }
}

/// A test that captures what it records: see [`capture`].
#[derive(Debug)]
#[must_use = "what is recorded is captured until this is dropped"]
pub struct Capturing {
    capture: Capture,
    outer: Option<Context>,
    /// It stays on its thread.
    here: PhantomData<Rc<()>>,
}

impl std::ops::Deref for Capturing {
    type Target = Capture;

    fn deref(&self) -> &Capture {
        &self.capture
    }
}

impl Drop for Capturing {
    fn drop(&mut self) {
        drop(context::replace(self.outer.take()));
    }
}
