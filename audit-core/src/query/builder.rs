//! What is asked.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::filter::{Condition, Filter, Pattern, Period, Term, TextColumn};
use super::sealed::SealedBatch;
use super::{Cursor, Travel};
use crate::{ActorType, Outcome, Target};

/// What is asked of the log. Every condition has to hold.
///
/// # Examples
///
/// ```
/// use audit_core::query::Query;
/// use chrono::{TimeDelta, Utc};
///
/// let query = Query::new().actor("user_123").action("project.created").since(Utc::now() - TimeDelta::days(7)).limit(20);
/// assert_eq!(query.row_limit(), 20);
///
/// let query = Query::from("actor:user_123 -action:secret.*".parse::<audit_core::query::Filter>()?).oldest_first();
/// assert_eq!(query.filter().to_string(), "actor:user_123 -action:secret.*");
/// # Ok::<(), audit_core::query::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a query asks nothing until a reader is given it"]
pub struct Query {
    filter: Filter,
    order: Order,
    start: Option<Start>,
    limit: u32,
    /// The batches whose rows are asked for; `None` for those of all.
    batches: Option<Vec<SealedBatch>>,
}

/// Which rows come first: by `created_at`, and where that is equal by `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// The latest.
    #[default]
    NewestFirst,
    /// The earliest.
    OldestFirst,
}

/// From where a page is read, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    After(Cursor),
    Before(Cursor),
}

/// The latest entries of an actor.
pub fn by_actor(id: impl Into<String>) -> Query {
    Query::new().actor(id)
}

/// The latest entries about a thing.
pub fn by_target(target: Target) -> Query {
    Query::new().target(target)
}

/// The latest entries of an action.
pub fn by_action(action: impl Into<String>) -> Query {
    Query::new().action(action)
}

impl Query {
    /// Rows on a page unless [`Query::limit`] says otherwise.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// Most rows on a page.
    pub const MAX_LIMIT: u32 = 1_000;

    /// The latest entries, whatever they are.
    pub const fn new() -> Self {
        Self {
            filter: Filter::new(),
            order: Order::NewestFirst,
            start: None,
            limit: Self::DEFAULT_LIMIT,
            batches: None,
        }
    }

    /// The entry of this id.
    pub(super) fn by_id(id: Uuid) -> Self {
        Self::new().with(Condition::Id(id))
    }

    /// Only entries of these batches.
    pub(super) fn of(mut self, batches: Vec<SealedBatch>) -> Self {
        self.batches = Some(batches);
        self
    }

    /// Only entries that a filter means, too.
    pub fn matching(mut self, filter: Filter) -> Self {
        self.filter = self.filter.and(filter);
        self
    }

    /// Only entries of this actor, by its id.
    pub fn actor(self, id: impl Into<String>) -> Self {
        self.text(TextColumn::ActorId, id)
    }

    /// Only entries of this kind of actor.
    pub fn actor_type(self, kind: ActorType) -> Self {
        self.with(Condition::ActorType(kind))
    }

    /// Only entries of this action, by its whole name.
    pub fn action(self, name: impl Into<String>) -> Self {
        self.text(TextColumn::Action, name)
    }

    /// Only entries about this thing.
    pub fn target(mut self, target: Target) -> Self {
        self.filter = self.filter.with(Term::from(target));
        self
    }

    /// Only entries about this kind of thing.
    pub fn target_type(self, kind: impl Into<String>) -> Self {
        self.text(TextColumn::TargetType, kind)
    }

    /// Only entries about a thing of this id.
    pub fn target_id(self, id: impl Into<String>) -> Self {
        self.text(TextColumn::TargetId, id)
    }

    /// Only entries that ended so.
    pub fn outcome(self, outcome: Outcome) -> Self {
        self.with(Condition::Outcome(outcome))
    }

    /// Only entries of this request.
    pub fn request_id(self, id: impl Into<String>) -> Self {
        self.text(TextColumn::RequestId, id)
    }

    /// Only entries on this tenant's data.
    pub fn tenant(self, id: impl Into<String>) -> Self {
        self.text(TextColumn::TenantId, id)
    }

    /// Only entries of this time and later.
    pub fn since(self, time: DateTime<Utc>) -> Self {
        self.with(Condition::Created(Period::since(time)))
    }

    /// Only entries before this time.
    pub fn until(self, time: DateTime<Utc>) -> Self {
        self.with(Condition::Created(Period::until(time)))
    }

    /// The earliest entries first.
    pub const fn oldest_first(mut self) -> Self {
        self.order = Order::OldestFirst;
        self
    }

    /// Most rows on the page; at least 1 and at most [`Query::MAX_LIMIT`], to which other numbers are brought.
    pub fn limit(mut self, rows: u32) -> Self {
        self.limit = rows.clamp(1, Self::MAX_LIMIT);
        self
    }

    /// The page that follows the one whose [`next`](super::Page::next) this is. Filter and order should be the same.
    pub const fn after(mut self, cursor: Cursor) -> Self {
        self.start = Some(Start::After(cursor));
        self
    }

    /// The page that precedes the one whose [`previous`](super::Page::previous) this is. Filter and order should be the
    /// same.
    pub const fn before(mut self, cursor: Cursor) -> Self {
        self.start = Some(Start::Before(cursor));
        self
    }

    /// Which entries are asked for.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Which of them come first.
    #[must_use]
    pub const fn order(&self) -> Order {
        self.order
    }

    /// Most rows on the page.
    #[must_use]
    pub const fn row_limit(&self) -> u32 {
        self.limit
    }

    /// The query without its cursor, newest first.
    pub(super) fn whole(&self) -> Self {
        Self { start: None, order: Order::NewestFirst, ..self.clone() }
    }

    /// The batches whose rows are asked for; `None` for those of all.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn batches(&self) -> Option<&[SealedBatch]> {
        self.batches.as_deref()
    }

    /// Where reading begins.
    pub(super) const fn place(&self) -> Option<Cursor> {
        match self.start {
            Some(Start::After(cursor) | Start::Before(cursor)) => Some(cursor),
            None => None,
        }
    }

    /// Whether the page is read from its end.
    pub(super) const fn is_backwards(&self) -> bool {
        matches!(self.start, Some(Start::Before(_)))
    }

    /// Which way time goes while the page is read.
    pub(super) const fn travel(&self) -> Travel {
        match (self.order, self.is_backwards()) {
            (Order::NewestFirst, false) | (Order::OldestFirst, true) => Travel::Older,
            (Order::NewestFirst, true) | (Order::OldestFirst, false) => Travel::Newer,
        }
    }

    fn text(self, column: TextColumn, text: impl Into<String>) -> Self {
        self.with(Condition::text(column, Pattern::Exact(text.into())))
    }

    fn with(mut self, condition: Condition) -> Self {
        self.filter = self.filter.with(condition.into());
        self
    }
}

impl Default for Query {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Filter> for Query {
    /// The latest entries that a filter means.
    fn from(filter: Filter) -> Self {
        Self::new().matching(filter)
    }
}
