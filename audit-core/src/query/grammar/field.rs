//! Fields by their names.

use chrono::{DateTime, Utc};

use super::ParseError;
use super::value;
use super::word::Text;
use crate::catalog::similar::{distance, tolerance};
use crate::query::filter::{Condition, TextColumn};
use crate::{ActorType, Outcome};

/// What a word may ask for.
#[derive(Debug)]
pub(super) enum Field<'a> {
    Plain(Plain),
    /// A value in the metadata, by the keys that lead there.
    Metadata(Vec<String>, Text<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    Text(TextColumn),
    ActorType,
    Outcome,
    Created,
    Ip,
    Id,
    Attempt,
}

const METADATA: &str = "metadata";

impl Plain {
    fn all() -> impl Iterator<Item = Self> {
        let others = [Self::ActorType, Self::Outcome, Self::Created, Self::Ip, Self::Id, Self::Attempt];
        TextColumn::ALL.into_iter().map(Self::Text).chain(others)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text(column) => column.field(),
            Self::ActorType => "actor_type",
            Self::Outcome => "outcome",
            Self::Created => "created",
            Self::Ip => "ip",
            Self::Id => "id",
            Self::Attempt => "attempt",
        }
    }

    /// What the column is called, where that is not the field's name.
    const fn column(self) -> &'static str {
        match self {
            Self::Text(column) => column.name(),
            Self::Created => "created_at",
            Self::Ip => "ip_address",
            Self::Attempt => "attempt_id",
            other => other.name(),
        }
    }
}

impl<'a> Field<'a> {
    pub(super) fn named(name: Text<'a>) -> Result<Self, ParseError> {
        let text = name.to_string();
        if let Some(plain) = Plain::all().find(|plain| plain.name() == text) {
            return Ok(Self::Plain(plain));
        }
        if text == METADATA {
            return Err(ParseError::new(name.span(), "`metadata` alone is no field")
                .with_hint("name a value in it: metadata.changes.name:MyProject"));
        }
        if let Some((first, path)) = name.split_at(['.'])
            && first.to_string() == METADATA
        {
            return Ok(Self::Metadata(keys(path)?, name));
        }
        Err(unknown(&name, &text))
    }

    pub(super) fn condition(self, value: &Text<'_>, now: DateTime<Utc>) -> Result<Condition, ParseError> {
        match self {
            Self::Metadata(keys, name) => {
                let pattern = value::pattern(value, &format!("a value after `{name}:`"))?;
                Ok(Condition::metadata(keys, pattern))
            }
            Self::Plain(plain) => {
                if value.is_missing() {
                    return Err(value::missing(value, &format!("a value after `{}:`", plain.name())));
                }
                plain.condition(value, now)
            }
        }
    }
}

impl Plain {
    fn condition(self, value: &Text<'_>, now: DateTime<Utc>) -> Result<Condition, ParseError> {
        match self {
            Self::Text(TextColumn::ActorId) => value::actor(value),
            Self::Text(TextColumn::TargetId) => value::target(value),
            Self::Text(column) => Ok(Condition::text(column, value::pattern(value, "a value")?)),
            Self::ActorType => {
                value::word(value, "a type of actor", &ActorType::ALL, ActorType::as_str).map(Condition::ActorType)
            }
            Self::Outcome => value::word(value, "an outcome", &Outcome::ALL, Outcome::as_str).map(Condition::Outcome),
            Self::Created => value::created(value, now).map(Condition::Created),
            Self::Ip => value::network(value).map(Condition::Ip),
            Self::Id => value::id(value).map(Condition::Id),
            Self::Attempt => value::id(value).map(Condition::Attempt),
        }
    }
}

fn keys(path: Text<'_>) -> Result<Vec<String>, ParseError> {
    let mut keys = Vec::new();
    let mut rest = path;
    loop {
        let (key, behind) = match rest.split_at(['.']) {
            Some((key, behind)) => (key, Some(behind)),
            None => (rest, None),
        };
        if key.is_missing() {
            return Err(ParseError::new(key.span(), "a key of the metadata is missing")
                .with_hint("write metadata.changes.name:MyProject, and keys with dots in quotes: metadata.\"a.b\":c"));
        }
        keys.push(key.to_string());
        match behind {
            Some(behind) => rest = behind,
            None => return Ok(keys),
        }
    }
}

fn unknown(name: &Text<'_>, text: &str) -> ParseError {
    let error = ParseError::new(name.span(), format!("`{text}` is no field"));
    if text == "since" || text == "until" {
        return error.with_hint("write created:>=2026-11-01, or created:2026-11-01..2026-11-30");
    }
    if text.is_empty() {
        return ParseError::new(name.span(), "a field is missing before the `:`")
            .with_hint("write actor:user_123, and what has a colon in quotes");
    }
    let lower = text.to_ascii_lowercase();
    let by_column = Plain::all().find(|plain| plain.column() == lower).map(Plain::name);
    let nearest = || nearest(&lower, Plain::all().map(Plain::name).chain([METADATA]));
    match by_column.or_else(nearest) {
        Some(METADATA) => error.with_hint("did you mean `metadata.NAME`?"),
        Some(meant) => error.with_hint(format!("did you mean `{meant}`?")),
        None => {
            let all: Vec<_> = Plain::all().map(Plain::name).collect();
            error.with_hint(format!(
                "fields are {} and metadata.NAME; text with a colon stands in quotes",
                all.join(", ")
            ))
        }
    }
}

/// The most similar of some names, if any is similar at all.
pub(super) fn nearest(text: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    names
        .map(|name| (distance(text, name), name))
        .filter(|(distance, name)| *distance <= tolerance(text) && *distance < name.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
