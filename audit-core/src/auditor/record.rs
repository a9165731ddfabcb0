//! From an entry to the queue.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use uuid::Uuid;

use super::{Builder, Recording, Slot, Stats};
use crate::journal::{Journal, JournalStatus};
use crate::writer::{Condition, Queue, block_on};
use crate::{Entry, Error, outbox};

/// Most actions of which a missing actor is warned about one by one.
const MAX_WARNED: usize = 1024;

/// Records entries. Cloning is cheap, and every clone feeds the same writer.
///
/// # Examples
///
/// ```no_run
/// use audit_core::{Actor, AuditAction, Auditor, Entry, Target};
///
/// # async fn example(action: audit_core::ActionName) -> Result<(), audit_core::Error> {
/// let writer = Auditor::builder().url("sqlite:audit.db").start().await?;
/// let entry = Entry::builder(action).target(Target::project("proj_456")).actor(Actor::user("user_123")).build();
/// let id = writer.auditor().record(entry).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Auditor {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Arc<Queue>,
    /// Its lock ends with the writer, and not with the last auditor.
    journal: Weak<Journal>,
    condition: Arc<Condition>,
    durable_timeout: Duration,
    outbox: outbox::Settings,
    /// Actions whose missing actor was warned about.
    warned: Mutex<HashSet<String>>,
    requires_actor: bool,
    ear: Ear,
}

/// Who hears of entries.
#[derive(Debug)]
enum Ear {
    Writer,
    Nobody,
    #[cfg(feature = "testing")]
    Test(Arc<crate::testing::Captured>),
}

impl Auditor {
    /// Starts to build an auditor.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) fn new(
        queue: Arc<Queue>,
        journal: Weak<Journal>,
        condition: Arc<Condition>,
        durable_timeout: Duration,
        outbox: outbox::Settings,
        requires_actor: bool,
    ) -> Self {
        Self::note_that_one_records();
        let (warned, ear) = (Mutex::default(), Ear::Writer);
        let shared = Shared { queue, journal, condition, durable_timeout, outbox, warned, requires_actor, ear };
        Self { shared: Arc::new(shared) }
    }

    /// An auditor that never sends anything to this queue.
    pub(super) fn deaf(queue: Arc<Queue>, durable_timeout: Duration) -> Self {
        Self::without_writer(queue, durable_timeout, Ear::Nobody)
    }

    /// An auditor that a test listens to.
    #[cfg(feature = "testing")]
    pub(super) fn heard_by_test(queue: Arc<Queue>, timeout: Duration, captured: Arc<crate::testing::Captured>) -> Self {
        Self::note_that_one_records();
        Self::without_writer(queue, timeout, Ear::Test(captured))
    }

    fn without_writer(queue: Arc<Queue>, durable_timeout: Duration, ear: Ear) -> Self {
        let (journal, condition) = (Weak::new(), Arc::default());
        let (outbox, warned) = (outbox::Settings::default(), Mutex::default());
        let requires_actor = false;
        let shared = Shared { queue, journal, condition, durable_timeout, outbox, warned, requires_actor, ear };
        Self { shared: Arc::new(shared) }
    }

    /// Whether it records nothing: see [`Self::disabled`].
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        matches!(self.shared.ear, Ear::Nobody)
    }

    /// Whether there is a writer, or was.
    pub(super) fn has_writer(&self) -> bool {
        matches!(self.shared.ear, Ear::Writer)
    }

    /// The entry, if it is for the writer.
    pub(crate) fn for_writer(&self, entry: Entry) -> Option<Entry> {
        match &self.shared.ear {
            Ear::Writer => Some(entry),
            Ear::Nobody => None,
            #[cfg(feature = "testing")]
            Ear::Test(captured) => {
                captured.take_in(entry);
                None
            }
        }
    }

    /// What a test has heard, if one listens.
    #[cfg(feature = "testing")]
    pub(crate) fn captured(&self) -> Option<&Arc<crate::testing::Captured>> {
        match &self.shared.ear {
            Ear::Test(captured) => Some(captured),
            _ => None,
        }
    }

    /// Records an entry and gives back its id: at once where there is a place in the queue, unless the catalog or the
    /// caller asks for more; see [`Recording`].
    pub fn record(&self, entry: Entry) -> Recording {
        Recording::new(self.clone(), entry)
    }

    /// [`Self::record`] for code without async.
    ///
    /// # Errors
    ///
    /// As [`Recording`].
    pub fn record_blocking(&self, entry: Entry) -> Result<Uuid, Error> {
        self.record(entry).blocking()
    }

    /// The accounts, all of one instant.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let stats = self.shared.queue.stats();
        match self.journal() {
            Some(journal) => Stats { journal_bytes: journal.bytes, journal_oldest: journal.oldest, ..stats },
            None => stats,
        }
    }

    /// How it is with the journal; nothing where there is none, or no writer in this process any more.
    #[must_use]
    pub fn journal(&self) -> Option<JournalStatus> {
        if self.shared.queue.is_forked() {
            // Its locks may be held for ever.
            return None;
        }
        self.shared.journal.upgrade().map(|journal| journal.status())
    }

    pub(super) fn count_unheard(&self, entries: u64) {
        if self.is_disabled() {
            return;
        }
        self.shared.queue.count_unheard(entries);
    }

    /// Waits, within the overflow policy's bound, for a place in the queue, so that sending never does.
    pub(crate) async fn reserve(&self) -> Slot {
        Slot { auditor: self.clone(), place: self.shared.queue.reserve().await.ok() }
    }

    /// Sends an entry that has no place reserved.
    pub(super) fn send_unreserved(&self, entry: Entry) -> Result<(), Error> {
        self.unreserved().send(entry)
    }

    /// Leave to send one entry, if there is a place for it by then.
    pub(crate) fn unreserved(&self) -> Slot {
        Slot { auditor: self.clone(), place: None }
    }

    /// [`Self::reserve`], if that needs no waiting.
    pub(crate) fn reserve_now(&self) -> Option<Slot> {
        let place = self.shared.queue.reserve_now()?;
        Some(Slot { auditor: self.clone(), place: place.ok() })
    }

    /// [`Self::reserve`] for code without async.
    pub(crate) fn reserve_blocking(&self) -> Slot {
        self.reserve_now().unwrap_or_else(|| block_on(self.reserve()))
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.shared.queue
    }

    /// Counts a call that must not run.
    pub(crate) fn count_refused(&self) {
        self.shared.queue.count_refused();
    }

    /// Whether what dead processes had left in the journal when this writer started is dealt with.
    pub(crate) fn has_adopted(&self) -> bool {
        self.shared.journal.upgrade().is_none_or(|journal| journal.has_adopted())
    }

    pub(super) fn condition(&self) -> &Condition {
        &self.shared.condition
    }

    pub(super) fn durable_timeout(&self) -> Duration {
        self.shared.durable_timeout
    }

    /// How entries get into the outbox.
    pub(crate) fn outbox_settings(&self) -> &outbox::Settings {
        &self.shared.outbox
    }

    /// Refuses an entry without an actor, where one is required and the caller can still be told.
    pub(crate) fn demand_actor(&self, entry: &Entry) -> Result<(), Error> {
        if entry.has_actor() || !self.shared.requires_actor {
            return Ok(());
        }
        Err(Error::NoActor { action: entry.action.to_string() })
    }

    pub(crate) fn count_if_unattributed(&self, entry: &Entry) {
        if entry.has_actor() {
            return;
        }
        self.shared.queue.count_unattributed();
        if self.shared.requires_actor {
            tracing::error!(
                action = entry.action.as_str(),
                "audit entry without an actor, kept as `unattributed`: the call could not be refused any more, and an actor \
                 is required"
            );
            return;
        }
        let is_first = {
            let mut warned = self.shared.warned.lock().unwrap_or_else(PoisonError::into_inner);
            warned.len() < MAX_WARNED && warned.insert(entry.action.as_str().to_owned())
        };
        if is_first {
            tracing::warn!(
                action = entry.action.as_str(),
                "audit entry without an actor, kept as `unattributed`; enter a context (`audit_core::context::scope`) \
                 or name the actor. Said once per action"
            );
        }
    }
}
