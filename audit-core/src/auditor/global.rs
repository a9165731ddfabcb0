//! The auditor of the whole program.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use once_cell::sync::OnceCell;

use super::{Auditor, WriterGuard};
use crate::{Entry, Error};

static GLOBAL: OnceCell<Auditor> = OnceCell::new();
/// Entries that were made while there was no auditor.
static UNHEARD: AtomicU64 = AtomicU64::new(0);

/// Installs the global auditor with the defaults: migrates the store at `url`, waits for it at most ten
/// seconds, and starts the writer.
///
/// # Errors
///
/// When the URL names no store, the store cannot be reached or migrated, or there is a global auditor already.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), audit_core::Error> {
/// use std::time::Duration;
///
/// let writer = audit_core::init("postgres://localhost/app").await?;
/// // … the service runs …
/// let report = writer.shutdown(Duration::from_secs(10)).await;
/// assert_eq!(report.lost, 0);
/// # Ok(())
/// # }
/// ```
pub async fn init(url: &str) -> Result<WriterGuard, Error> {
    Auditor::builder().url(url).init().await
}

/// [`init`] for programs without async.
///
/// # Errors
///
/// As [`init`].
pub fn init_blocking(url: &str) -> Result<WriterGuard, Error> {
    Auditor::builder().url(url).init_blocking()
}

impl Auditor {
    /// The auditor of the whole program, if one was installed.
    #[must_use]
    pub fn global() -> Option<Self> {
        GLOBAL.get().cloned()
    }

    /// Entries that were made while there was neither a global auditor nor one in the context. The global
    /// auditor takes them into its accounts when it is installed, and an `audit.gap` entry tells of them.
    #[must_use]
    pub fn unheard() -> u64 {
        UNHEARD.load(Ordering::Relaxed)
    }
}

pub(super) fn install(auditor: &Auditor) -> Result<(), Error> {
    GLOBAL.set(auditor.clone()).map_err(|_| Error::AlreadyInitialised)?;
    if auditor.is_disabled() {
        Auditor::note_that_the_global_one_is_disabled();
    }
    take_over(auditor);
    Ok(())
}

/// Takes the entries for which there was no auditor into the accounts.
fn take_over(auditor: &Auditor) {
    auditor.count_unheard(UNHEARD.swap(0, Ordering::SeqCst));
}

pub(super) fn get() -> Option<&'static Auditor> {
    GLOBAL.get()
}

/// Takes an entry for which there was no auditor when its call began: the global one may have come since.
pub(crate) fn unheard(entry: Entry) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if let Some(auditor) = GLOBAL.get() {
        // A refusal is counted, and tells of itself.
        drop(auditor.send_unreserved(entry));
        return;
    }
    UNHEARD.fetch_add(1, Ordering::SeqCst);
    // One that has come in between may have taken the count before this entry was in it.
    if let Some(auditor) = GLOBAL.get() {
        take_over(auditor);
    }
    if !SAID.swap(true, Ordering::Relaxed) {
        tracing::error!(
            action = entry.action.as_str(),
            "audit entry dropped: there is no auditor yet. Call `audit_core::init` before the first audited function. \
             Said once; the accounts count every one"
        );
    }
}

/// Says once that the writer has gone.
pub(super) fn say_gone(action: &str) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        tracing::error!(
            action,
            "audit entry dropped: the writer has gone. Shut the guard down after the last audited work. Said once; the \
             accounts count every one"
        );
    }
}
