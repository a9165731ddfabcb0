//! Auditing, switched off when the program starts.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Auditor, Builder, global};
use crate::Context;

/// Whether the program has ever had an auditor that records.
static RECORDS: AtomicBool = AtomicBool::new(false);

impl Auditor {
    /// An auditor that records nothing, counts nothing and warns of nothing. Audited functions below a
    /// [`Context`] that carries it cost a few nanoseconds more than plain ones: what their attributes name is not
    /// even evaluated.
    ///
    /// To switch auditing off for the whole program, install one with [`Builder::disabled`].
    ///
    /// # Examples
    ///
    /// ```
    /// use audit_core::{Auditor, Context, audited, context};
    ///
    /// #[audited(action = "project.deleted")]
    /// fn delete(project_id: u64) {}
    ///
    /// let context = Context::current().with_auditor(Auditor::disabled());
    /// context::sync_scope(context, || delete(7));
    /// ```
    #[must_use]
    pub fn disabled() -> Self {
        Builder::new().deaf().0
    }

    pub(super) fn note_that_one_records() {
        RECORDS.store(true, Ordering::Relaxed);
    }

    /// Whether a call that begins here and now is not to be recorded.
    pub(crate) fn is_disabled_here() -> bool {
        Context::look(|context| context.auditor().map(Self::is_disabled))
            .flatten()
            .unwrap_or_else(|| global::get().is_some_and(Self::is_disabled))
    }

    /// Whether no call is to be recorded that begins later, in whatever context.
    pub(crate) fn is_disabled_everywhere() -> bool {
        Self::is_disabled_here() && !RECORDS.load(Ordering::Relaxed)
    }
}
