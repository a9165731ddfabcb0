//! Auditing, switched off when the program starts.

use std::sync::atomic::{AtomicU8, Ordering};

use super::{Auditor, Builder, global};
use crate::Context;

/// What auditors the program has had, so that calls of a program which audits nothing find that out with one look.
static HAD: AtomicU8 = AtomicU8::new(0);
/// One that records.
const RECORDING: u8 = 1;
/// A global one that is disabled.
const GLOBAL_DISABLED: u8 = 2;

impl Auditor {
    /// An auditor that records nothing, counts nothing and warns of nothing. Audited functions below a
    /// [`Context`] that carries it cost some tens of nanoseconds more than plain ones: what their attributes name is not
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

    /// An auditor that a test listens to.
    #[cfg(feature = "testing")]
    pub(crate) fn capturing(captured: std::sync::Arc<crate::testing::Captured>) -> Self {
        Builder::new().heard_by_test(captured)
    }

    pub(super) fn note_that_one_records() {
        HAD.fetch_or(RECORDING, Ordering::Relaxed);
    }

    pub(super) fn note_that_the_global_one_is_disabled() {
        HAD.fetch_or(GLOBAL_DISABLED, Ordering::Relaxed);
    }

    /// Whether auditing is disabled and no context can carry an auditor that records, because there was none.
    pub(crate) fn is_off() -> bool {
        HAD.load(Ordering::Relaxed) == GLOBAL_DISABLED
    }

    /// Whether a call that begins here and now is not to be recorded.
    pub(crate) fn is_disabled_here() -> bool {
        let look = || Context::look(|context| context.auditor().map(Self::is_disabled)).flatten();
        Self::is_off() || look().unwrap_or_else(|| global::get().is_some_and(Self::is_disabled))
    }

    /// Whether no call is to be recorded that begins later, in whatever context.
    pub(crate) fn is_disabled_everywhere() -> bool {
        Self::is_disabled_here() && HAD.load(Ordering::Relaxed) & RECORDING == 0
    }
}
