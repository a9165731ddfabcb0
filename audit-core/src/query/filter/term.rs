//! One condition of a filter.

use ipnet::IpNet;
use uuid::Uuid;

use super::{Path, Period, TextColumn};
use crate::sanitise::Sanitiser;
use crate::{ActorType, Outcome, Target};

/// A condition, or that it does not hold. A condition on a value that a row does not have does not hold, so that
/// its negation does: a row without a tenant matches `-tenant:acme`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub(crate) negated: bool,
    pub(crate) condition: Condition,
}

/// What a row has to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The row's id.
    Id(Uuid),
    /// The entry that announced it.
    Attempt(Uuid),
    /// A column's text.
    Text(TextColumn, Pattern),
    /// Kind and id of the actor.
    Actor(ActorType, Pattern),
    ActorType(ActorType),
    /// Kind and id of the target.
    Target(String, Pattern),
    Outcome(Outcome),
    /// An address within a network.
    Ip(IpNet),
    Created(Period),
    /// A value in the metadata.
    Metadata(Path, Pattern),
    /// A text anywhere in the row: see [`Filter::matches`](super::Filter::matches).
    Anywhere(String),
}

/// How a text is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// It is this.
    Exact(String),
    /// It begins so.
    Prefix(String),
}

impl Pattern {
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(whole) => text == whole,
            Self::Prefix(beginning) => text.starts_with(beginning.as_str()),
        }
    }

    /// As freezing leaves it, or what was cut or replaced there would never be found.
    fn stored(self, max_bytes: usize) -> Self {
        match self {
            Self::Exact(text) => Self::Exact(stored(text, max_bytes)),
            Self::Prefix(text) => Self::Prefix(stored(text, max_bytes)),
        }
    }
}

impl Condition {
    pub(crate) fn text(column: TextColumn, pattern: Pattern) -> Self {
        Self::Text(column, pattern.stored(column.max_bytes()))
    }

    pub(crate) fn actor(kind: ActorType, id: Pattern) -> Self {
        Self::Actor(kind, id.stored(TextColumn::ActorId.max_bytes()))
    }

    pub(crate) fn target(kind: String, id: Pattern) -> Self {
        Self::Target(stored(kind, TextColumn::TargetType.max_bytes()), id.stored(TextColumn::TargetId.max_bytes()))
    }

    pub(crate) fn metadata(keys: Vec<String>, pattern: Pattern) -> Self {
        let keys = keys.into_iter().map(|key| stored(key, usize::MAX)).collect();
        Self::Metadata(Path::new(keys), pattern.stored(usize::MAX))
    }

    pub(crate) fn anywhere(text: String) -> Self {
        Self::Anywhere(stored(text, usize::MAX))
    }
}

/// As freezing leaves a text.
fn stored(mut text: String, max_bytes: usize) -> String {
    Sanitiser::default().text("", &mut text, max_bytes);
    text
}

impl From<Condition> for Term {
    fn from(condition: Condition) -> Self {
        Self { negated: false, condition }
    }
}

impl From<Target> for Term {
    fn from(target: Target) -> Self {
        Condition::target(target.target_type.into_owned(), Pattern::Exact(target.id)).into()
    }
}
