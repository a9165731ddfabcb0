//! One hold.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// What is kept, why, and who says so. Covers entries that all fits which is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Hold {
    /// Its id.
    pub id: Uuid,
    /// When it was added, by the database's clock; nothing before.
    pub added_at: Option<DateTime<Utc>>,
    /// Entries created then or later.
    pub since: Option<DateTime<Utc>>,
    /// Entries created before then.
    pub until: Option<DateTime<Utc>>,
    /// Entries of this actor.
    pub actor_id: Option<String>,
    /// Entries about this thing.
    pub target_id: Option<String>,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub added_by: String,
}

impl Hold {
    /// A hold that covers nothing yet.
    #[must_use]
    pub fn new(reason: impl Into<String>, added_by: impl Into<String>) -> Self {
        Self {
            id: Uuid::now_v7(),
            added_at: None,
            since: None,
            until: None,
            actor_id: None,
            target_id: None,
            reason: reason.into(),
            added_by: added_by.into(),
        }
    }

    /// Of entries created then or later.
    #[must_use]
    pub const fn since(mut self, time: DateTime<Utc>) -> Self {
        self.since = Some(time);
        self
    }

    /// Of entries created before then.
    #[must_use]
    pub const fn until(mut self, time: DateTime<Utc>) -> Self {
        self.until = Some(time);
        self
    }

    /// Of entries of this actor.
    #[must_use]
    pub fn actor(mut self, id: impl Into<String>) -> Self {
        self.actor_id = Some(id.into());
        self
    }

    /// Of entries about this thing.
    #[must_use]
    pub fn target(mut self, id: impl Into<String>) -> Self {
        self.target_id = Some(id.into());
        self
    }

    /// Whether it would cover something, and not everything.
    pub(super) fn is_sound(&self) -> bool {
        let says_something =
            self.since.is_some() || self.until.is_some() || self.actor_id.is_some() || self.target_id.is_some();
        let is_a_time = self.since.zip(self.until).is_none_or(|(since, until)| since < until);
        says_something && is_a_time
    }
}
