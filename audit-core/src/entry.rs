//! One thing that was done.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::metadata::Details;
use crate::trace::Trace;
use crate::{ActionName, Actor, Catalog, Context, Durability, Metadata, Outcome, Target};

/// One thing that was done, on its way to the log. [`Row`](crate::Row) is how the log holds it.
///
/// `#[audited]` makes entries by itself; build one by hand for what no function wraps.
///
/// # Examples
///
/// ```
/// use audit_core::{Actor, AuditAction, Entry, Outcome, Target};
///
/// let entry = Entry::builder(AuditAction::ProjectSuspended { reason: Some("unpaid".to_owned()) })
///     .target(Target::project("proj_456"))
///     .actor(Actor::system("billing"))
///     .build();
/// assert_eq!(entry.action().as_str(), "project.suspended");
/// assert_eq!(entry.outcome(), Outcome::Success);
/// ```
#[derive(Debug, Clone)]
pub struct Entry {
    pub(crate) id: Uuid,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) action: ActionName,
    pub(crate) target_type: Cow<'static, str>,
    pub(crate) target_id: Option<String>,
    /// Wins over the context's actor.
    pub(crate) actor: Option<Actor>,
    pub(crate) metadata: Details,
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<String>,
    pub(crate) duration: Option<Duration>,
    pub(crate) attempt_id: Option<Uuid>,
    pub(crate) context: Context,
    /// Where the context names none.
    pub(crate) trace: Option<Trace>,
    /// What the catalog says of the action.
    pub(crate) durability: Durability,
}

impl Entry {
    /// Starts an entry for an action: a variant of a catalog, which brings its target type and its
    /// metadata, or an [`ActionName`]. The context is that of the work in progress.
    pub fn builder(action: impl IntoAction) -> EntryBuilder {
        let durability = action.durability();
        let (action, target_type, metadata) = action.into_action();
        let context = Context::current();
        let identity = context.identify(SystemTime::now());
        let mut entry = Self::identified(identity, action, target_type);
        entry.metadata = metadata.into();
        entry.durability = durability;
        entry.context = context;
        entry.trace = Trace::current();
        EntryBuilder { entry }
    }

    /// An entry whose id and time come from one reading of the clock, so that the id alone tells in
    /// which partition the row lies.
    pub(crate) fn at(now: SystemTime, action: ActionName, target_type: Cow<'static, str>) -> Self {
        Self::identified(identify(now), action, target_type)
    }

    fn identified((id, created_at): (Uuid, DateTime<Utc>), action: ActionName, target_type: Cow<'static, str>) -> Self {
        Self {
            id,
            created_at,
            action,
            target_type,
            target_id: None,
            actor: None,
            metadata: Details::default(),
            outcome: Outcome::Success,
            error: None,
            duration: None,
            attempt_id: None,
            context: Context::new(),
            trace: None,
            durability: Durability::Queued,
        }
    }

    /// The entry's id (UUIDv7, RFC 9562).
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// When the outcome was fixed, to the microsecond.
    #[must_use]
    pub const fn created_at(&self) -> DateTime<Utc> {
        self.created_at
    }

    /// What was done.
    #[must_use]
    pub const fn action(&self) -> &ActionName {
        &self.action
    }

    /// How it ended.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Whether somebody is named who did it.
    pub(crate) fn has_actor(&self) -> bool {
        self.actor.is_some() || self.context.actor().is_some()
    }

    /// The entry that announces this one's work, and the one that will tell its end.
    pub(crate) fn into_attempt(self) -> (Self, Self) {
        let attempted =
            Self { outcome: Outcome::Attempted, error: None, duration: None, attempt_id: None, ..self.clone() };
        (attempted, Self { attempt_id: Some(self.id), ..self })
    }

    /// A rough count of the bytes that the entry owns, for the queue's limit.
    pub(crate) fn weight(&self) -> usize {
        fn text(text: Option<&String>) -> usize {
            text.map_or(0, String::len)
        }
        size_of::<Self>()
            + text(self.target_id.as_ref())
            + text(self.error.as_ref())
            + self.actor.as_ref().map_or(0, |actor| actor.id.len())
            + self.target_type.len()
            + self.metadata.weight()
            // Shared by all entries of a request, but who can tell by how many.
            + self.context.weight()
    }
}

/// The id and the time, in whole microseconds, of one reading of the clock. A clock before 1970 counts
/// as 1970.
pub(crate) fn identify(now: SystemTime) -> (Uuid, DateTime<Utc>) {
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let timestamp = uuid::Timestamp::from_unix(uuid::NoContext, since_epoch.as_secs(), since_epoch.subsec_nanos());
    let micros = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
    let created_at = DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC);
    (Uuid::new_v7(timestamp), created_at)
}

/// What [`Entry::builder`] accepts as an action.
pub trait IntoAction {
    /// The name, the target type and the metadata that the action brings along.
    fn into_action(self) -> (ActionName, Cow<'static, str>, Metadata);

    /// What the catalog says of the action's durability.
    fn durability(&self) -> Durability {
        Durability::Queued
    }
}

impl<C: Catalog> IntoAction for C {
    fn into_action(self) -> (ActionName, Cow<'static, str>, Metadata) {
        let info = self.info();
        (ActionName::listed(info.name), Cow::Borrowed(info.target), self.into_metadata())
    }

    fn durability(&self) -> Durability {
        self.info().durability
    }
}

impl IntoAction for ActionName {
    /// The target type is the name's first word until [`EntryBuilder::target`] says otherwise.
    fn into_action(self) -> (ActionName, Cow<'static, str>, Metadata) {
        let target_type = self.as_str().split('.').next().unwrap_or_default().to_owned();
        (self, Cow::Owned(target_type), Metadata::new())
    }
}

/// Builds an [`Entry`].
#[derive(Debug, Clone)]
#[must_use = "a builder records nothing; hand the built entry to `Auditor::record`"]
pub struct EntryBuilder {
    entry: Entry,
}

impl EntryBuilder {
    /// What it was done to.
    pub fn target(mut self, target: Target) -> Self {
        self.entry.target_type = target.target_type;
        self.entry.target_id = Some(target.id);
        self
    }

    /// The id of what it was done to, where the catalog knows the type.
    pub fn target_id(mut self, id: impl Into<String>) -> Self {
        self.entry.target_id = Some(id.into());
        self
    }

    /// Who did it, instead of the context's actor.
    pub fn actor(mut self, actor: Actor) -> Self {
        self.entry.actor = Some(actor);
        self
    }

    /// One named detail.
    pub fn metadata<T: Serialize + ?Sized>(mut self, name: impl Into<String>, value: &T) -> Self {
        self.entry.metadata.others().insert(name, value);
        self
    }

    /// Many details at once, added to those already there.
    pub fn metadata_all(mut self, metadata: Metadata) -> Self {
        self.entry.metadata.others().extend(metadata);
        self
    }

    /// How it ended; success unless said.
    pub const fn outcome(mut self, outcome: Outcome) -> Self {
        self.entry.outcome = outcome;
        self
    }

    /// A failure, with what is to be kept of the error.
    pub fn failure(mut self, error: impl Into<String>) -> Self {
        self.entry.outcome = Outcome::Failure;
        self.entry.error = Some(error.into());
        self
    }

    /// How long it took. Stored in microseconds.
    pub const fn duration(mut self, duration: Duration) -> Self {
        self.entry.duration = Some(duration);
        self
    }

    /// The `attempted` entry that announced this one.
    pub const fn attempt_id(mut self, id: Uuid) -> Self {
        self.entry.attempt_id = Some(id);
        self
    }

    /// When it happened, if not now. The id follows the time.
    pub fn created_at(mut self, at: SystemTime) -> Self {
        (self.entry.id, self.entry.created_at) = self.entry.context.identify_at(at);
        self
    }

    /// The context, if not that of the work in progress.
    pub fn context(mut self, context: Context) -> Self {
        self.entry.context = context;
        self
    }

    /// The entry.
    #[must_use]
    pub fn build(self) -> Entry {
        self.entry
    }
}

/// A duration in whole microseconds, as the table holds it.
pub(crate) fn micros(duration: Duration) -> i64 {
    TimeDelta::from_std(duration).ok().and_then(|delta| delta.num_microseconds()).unwrap_or(i64::MAX)
}
