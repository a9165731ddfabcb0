//! An entry as a sentence.

use std::borrow::Cow;

use askama::Template;
use audit_core::{ActorType, Outcome, Row};
use chrono::{DateTime, Utc};

use super::times::Told;
use crate::render::entries::ERASED;
use crate::render::escape::visible;

/// An entry as a sentence: who did what to which thing, when, and how it ended. All of it is safe to show.
#[derive(Debug, Template)]
#[template(path = "sentence.html")]
pub(super) struct Sentence {
    root: &'static str,
    pub(super) id: String,
    /// The actor's type, where it is no user's.
    kind: Option<&'static str>,
    actor: String,
    verb: String,
    target_type: String,
    target_id: Option<String>,
    pub(super) outcome: &'static str,
    pub(super) symbol: &'static str,
    pub(super) when: Told,
    /// What went wrong, cut.
    error: Option<String>,
    /// Whether its batch is in the tree, where that is told.
    sealed: Option<bool>,
}

impl Sentence {
    /// Longest error in characters.
    const ERROR_CHARS: usize = 160;

    /// The sentence of a page that is one folder below `root`.
    pub(super) fn new(row: &Row, now: DateTime<Utc>, root: &'static str) -> Self {
        Self {
            root,
            id: row.id.to_string(),
            kind: (row.actor_type != ActorType::User).then(|| kind(row.actor_type)),
            actor: row.actor_id.as_deref().map_or(Cow::Borrowed(ERASED), visible).into_owned(),
            verb: verb(row.outcome, &row.action, &row.target_type),
            target_type: visible(&row.target_type).into_owned(),
            target_id: row.target_id.as_deref().map(|id| visible(id).into_owned()),
            outcome: row.outcome.as_str(),
            symbol: symbol(row.outcome),
            when: Told::new(row.created_at, now),
            error: row.error.as_deref().map(|error| cut(&visible(error), Self::ERROR_CHARS)),
            sealed: None,
        }
    }

    /// The same, with a badge.
    pub(super) fn sealed(mut self, is_sealed: bool) -> Self {
        self.sealed = Some(is_sealed);
        self
    }
}

const fn kind(kind: ActorType) -> &'static str {
    match kind {
        ActorType::User => "user",
        ActorType::ApiKey => "API key",
        ActorType::System => "system",
    }
}

/// `created` for `project.created`, which was done to a project, and for `key.created` of an `api_key`; the action's whole name
/// where the sentence would say what did not happen, or would be none.
fn verb(outcome: Outcome, action: &str, target_type: &str) -> String {
    let of_target = action.strip_prefix(target_type).and_then(|rest| rest.strip_prefix('.'));
    let of_its_kind = || action.split_once('.').filter(|(noun, _)| is_a(target_type, noun)).map(|(_, words)| words);
    match (outcome, of_target.or_else(of_its_kind)) {
        (Outcome::Success, Some(words)) => visible(&words.replace('_', " ")).into_owned(),
        (Outcome::Success, None) => format!("did {} to", visible(action)),
        _ => format!("tried {} on", visible(action)),
    }
}

/// Whether what is called `compound` is a `noun`, as an `api_key` is a `key`.
fn is_a(compound: &str, noun: &str) -> bool {
    compound.strip_suffix(noun).is_some_and(|kind| kind.ends_with('_'))
}

/// What tells outcomes apart without their colour.
pub(super) const fn symbol(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "✓",
        Outcome::Failure => "✗",
        Outcome::Denied => "⊘",
        Outcome::Cancelled => "○",
        Outcome::Panicked => "‼",
        Outcome::Attempted => "…",
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_says_what_was_done_and_no_more() {
        for (outcome, action, target_type, said) in [
            (Outcome::Success, "project.created", "project", "created"),
            (Outcome::Success, "key.created", "api_key", "created"),
            (Outcome::Success, "user.role_changed", "user", "role changed"),
            (Outcome::Success, "ey.created", "api_key", "did ey.created to"),
            (Outcome::Success, "project.created", "user", "did project.created to"),
            (Outcome::Denied, "key.created", "api_key", "tried key.created on"),
        ] {
            assert_eq!(verb(outcome, action, target_type), said, "{action} {target_type}");
        }
    }
}
