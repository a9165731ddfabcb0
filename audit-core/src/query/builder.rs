//! What is asked.

use chrono::{DateTime, Utc};

use super::Cursor;
use crate::{ActorType, Outcome, Target};

/// What is asked of the log. Every condition has to hold; asking the same condition again replaces it.
///
/// # Examples
///
/// ```
/// use audit_core::query::Query;
/// use chrono::{TimeDelta, Utc};
///
/// let query = Query::new().actor("user_123").action("project.created").since(Utc::now() - TimeDelta::days(7)).limit(20);
/// assert_eq!(query.row_limit(), 20);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a query asks nothing until a reader is given it"]
pub struct Query {
    pub(super) actor: Option<String>,
    pub(super) actor_type: Option<ActorType>,
    pub(super) action: Option<String>,
    pub(super) target_type: Option<String>,
    pub(super) target_id: Option<String>,
    pub(super) outcome: Option<Outcome>,
    pub(super) request_id: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) until: Option<DateTime<Utc>>,
    pub(super) after: Option<Cursor>,
    limit: u32,
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
            actor: None,
            actor_type: None,
            action: None,
            target_type: None,
            target_id: None,
            outcome: None,
            request_id: None,
            tenant: None,
            since: None,
            until: None,
            after: None,
            limit: Self::DEFAULT_LIMIT,
        }
    }

    /// Only entries of this actor, by its id.
    pub fn actor(mut self, id: impl Into<String>) -> Self {
        self.actor = Some(id.into());
        self
    }

    /// Only entries of this kind of actor.
    pub const fn actor_type(mut self, kind: ActorType) -> Self {
        self.actor_type = Some(kind);
        self
    }

    /// Only entries of this action, by its whole name.
    pub fn action(mut self, name: impl Into<String>) -> Self {
        self.action = Some(name.into());
        self
    }

    /// Only entries about this thing.
    pub fn target(self, target: Target) -> Self {
        self.target_type(target.target_type).target_id(target.id)
    }

    /// Only entries about this kind of thing.
    pub fn target_type(mut self, kind: impl Into<String>) -> Self {
        self.target_type = Some(kind.into());
        self
    }

    /// Only entries about a thing of this id.
    pub fn target_id(mut self, id: impl Into<String>) -> Self {
        self.target_id = Some(id.into());
        self
    }

    /// Only entries that ended so.
    pub const fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// Only entries of this request.
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Only entries on this tenant's data.
    pub fn tenant(mut self, id: impl Into<String>) -> Self {
        self.tenant = Some(id.into());
        self
    }

    /// Only entries of this time and later.
    pub const fn since(mut self, time: DateTime<Utc>) -> Self {
        self.since = Some(time);
        self
    }

    /// Only entries before this time.
    pub const fn until(mut self, time: DateTime<Utc>) -> Self {
        self.until = Some(time);
        self
    }

    /// Most rows on the page; at least 1 and at most [`Query::MAX_LIMIT`], to which other numbers are brought.
    pub fn limit(mut self, rows: u32) -> Self {
        self.limit = rows.clamp(1, Self::MAX_LIMIT);
        self
    }

    /// The page that follows the one whose [`next`](super::Page::next) this is. The other conditions should be the same.
    pub const fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// The query without its cursor.
    pub(super) const fn whole(mut self) -> Self {
        self.after = None;
        self
    }

    /// Most rows on the page.
    #[must_use]
    pub const fn row_limit(&self) -> u32 {
        self.limit
    }
}

impl Default for Query {
    fn default() -> Self {
        Self::new()
    }
}
