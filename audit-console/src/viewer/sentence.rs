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
            verb: verb(row),
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

/// `created` for `project.created`, which was done to a project; the action's whole name where the sentence would say
/// what did not happen, or would be none.
fn verb(row: &Row) -> String {
    let words = row.action.strip_prefix(row.target_type.as_str()).and_then(|rest| rest.strip_prefix('.'));
    match (row.outcome, words) {
        (Outcome::Success, Some(words)) => visible(&words.replace('_', " ")).into_owned(),
        (Outcome::Success, None) => format!("did {} to", visible(&row.action)),
        _ => format!("tried {} on", visible(&row.action)),
    }
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
