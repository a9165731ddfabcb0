//! Who did it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kind of an [`Actor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorType {
    /// A person.
    User,
    /// The service itself: a job, a migration, a time-out.
    System,
    /// A program that holds a key.
    ApiKey,
}

impl ActorType {
    /// Every kind, in the order of the table's CHECK.
    pub const ALL: [Self; 3] = [Self::User, Self::System, Self::ApiKey];

    /// The text in the `actor_type` column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
            Self::ApiKey => "api_key",
        }
    }
}

impl fmt::Display for ActorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who did it: a kind and an id.
///
/// # Examples
///
/// ```
/// use audit_core::Actor;
///
/// let actor: Actor = "user:user_123".parse()?;
/// assert_eq!(actor, Actor::user("user_123"));
/// assert_eq!(actor.to_string(), "user:user_123");
/// # Ok::<(), audit_core::ActorParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The kind.
    pub actor_type: ActorType,
    /// The id, in the application's own terms.
    pub id: String,
}

impl Actor {
    /// The id under which entries without an actor are kept.
    pub const UNATTRIBUTED: &'static str = "unattributed";

    /// A person.
    pub fn user(id: impl Into<String>) -> Self {
        Self { actor_type: ActorType::User, id: id.into() }
    }

    /// The service itself, named after the part of it that acts: `system("nightly-billing")`.
    pub fn system(id: impl Into<String>) -> Self {
        Self { actor_type: ActorType::System, id: id.into() }
    }

    /// A program that holds a key.
    pub fn api_key(id: impl Into<String>) -> Self {
        Self { actor_type: ActorType::ApiKey, id: id.into() }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.actor_type, self.id)
    }
}

/// A text that names no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an actor: write TYPE:ID with the type user, system or api_key, such as user:user_123")]
pub struct ActorParseError(String);

impl FromStr for ActorType {
    type Err = ActorParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| ActorParseError(text.to_owned()))
    }
}

impl FromStr for Actor {
    type Err = ActorParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, id) = text.split_once(':').ok_or_else(|| ActorParseError(text.to_owned()))?;
        let actor_type = kind.parse().map_err(|_| ActorParseError(text.to_owned()))?;
        if id.is_empty() {
            return Err(ActorParseError(text.to_owned()));
        }
        Ok(Self { actor_type, id: id.to_owned() })
    }
}
