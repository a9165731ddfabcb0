//! Whether an entry still is what was recorded: its proof, computed again, and the proof as a file.

use std::sync::Arc;
use std::time::Duration;

use audit_core::Row;
use audit_core::verify::{self, Proof, ProofError, ProveError};
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;
use uuid::Uuid;

use super::Log;
use super::detail::missing;
use super::message::Message;
use super::numbers::thousands;
use crate::commands::shell;
use crate::render::escape::{json, visible};

/// How long a proof may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Until the page of its entry would be late.
    Glance,
    /// Until people stop waiting.
    Asked,
}

/// What there is to say about an entry's proof. All of it is safe to show.
#[derive(Debug)]
pub(super) struct Integrity {
    pub(super) state: &'static str,
    pub(super) symbol: &'static str,
    pub(super) title: &'static str,
    pub(super) sentences: Vec<String>,
    /// What to do next.
    pub(super) command: String,
    /// Whether there is a file to take along.
    pub(super) has_file: bool,
    /// Whether it may be there when it is waited for.
    pub(super) may_wait: bool,
}

/// Why there is no proof to show.
#[derive(Debug)]
enum Missing {
    TooLate,
    Unprovable(ProveError),
}

impl Patience {
    const fn limit(self) -> Duration {
        match self {
            Self::Glance => Duration::from_millis(250),
            Self::Asked => Duration::from_secs(10),
        }
    }
}

/// Computes an entry's proof again: its leaf, its batch, and the tree up to the newest checkpoint.
async fn prove(log: &Log, id: Uuid, patience: Patience) -> Result<Proof, Missing> {
    let proof = timeout(patience.limit(), async {
        // A semaphore that is never closed.
        let _permit = log.proofs.acquire().await.map_err(|_| Missing::TooLate)?;
        verify::prove(log.url.as_str(), &log.schema, id).await.map_err(Missing::Unprovable)
    });
    proof.await.unwrap_or(Err(Missing::TooLate))
}

pub(super) async fn of(log: &Log, row: &Row, patience: Patience) -> Integrity {
    let mut integrity = match prove(log, row.id, patience).await {
        Ok(proof) => proved(log, &proof),
        Err(missing) => unproved(log, &missing, patience),
    };
    let erased = erased(row);
    if !erased.is_empty() {
        let text = format!(
            "Erased since it was recorded: {}. What took their place keeps the rest provable.",
            erased.join(", ")
        );
        integrity.sentences.push(text);
    }
    integrity
}

/// The names of the fields that were erased.
pub(super) fn erased(row: &Row) -> Vec<String> {
    let erased = row.redacted.as_ref().and_then(|redacted| redacted.get("erased")?.as_object());
    erased.map(|erased| erased.keys().map(|name| visible(name).into_owned()).collect()).unwrap_or_default()
}

fn proved(log: &Log, proof: &Proof) -> Integrity {
    let command = shell::command_with("proof", &log.place(), &proof.row().id.to_string(), []);
    let (origin, size) = proof.checkpoint().map(|checkpoint| (checkpoint.origin, checkpoint.size)).unwrap_or_default();
    let (size, place) = (thousands(size), thousands(proof.leaf() + 1));
    let origin = visible(&origin);
    let computed = format!(
        "Computed again just now: the entry and its batch, number {place} of {size}, lead to the newest checkpoint of {origin}."
    );
    let (signed, is_trusted) = match proof.check(&log.keys) {
        Ok(proved) => {
            let writer = proved.writer.map(|id| format!(" The writer's key {} signed the batch.", visible(&id)));
            (format!("A trusted key signed that checkpoint.{}", writer.unwrap_or_default()), true)
        }
        Err(ProofError::Untrusted { .. }) if log.keys.log().is_empty() => {
            ("Who signed it was not checked: this viewer was not told which keys to trust.".to_owned(), true)
        }
        Err(error) => (format!("But {}.", visible(&error.to_string())), false),
    };
    let (state, symbol, title) =
        if is_trusted { ("verified", "✓", "Verified") } else { ("broken", "✗", "Signed by nobody who is trusted") };
    Integrity { state, symbol, title, sentences: vec![computed, signed], command, has_file: true, may_wait: false }
}

fn unproved(log: &Log, missing: &Missing, patience: Patience) -> Integrity {
    let command = |name| shell::command(name, &log.place(), []);
    let pending = |title, sentence: String| ("pending", "…", title, sentence, command("doctor"));
    let unchecked = |sentence: &str, command| ("unchecked", "?", "Not checked", sentence.to_owned(), command);
    let (state, symbol, title, sentence, command) = match missing {
        Missing::Unprovable(ProveError::NotCovered { leaf: Some(leaf), .. }) => pending(
            "Sealed, not signed yet",
            format!(
                "Its batch is as it was written, and is number {} in the tree, of which no signed checkpoint covers it yet.",
                thousands(leaf + 1)
            ),
        ),
        Missing::Unprovable(ProveError::NotCovered { .. }) => pending(
            "Not sealed yet",
            "Its batch is as it was written, and waits to be put into the tree. Where a sealer runs, that takes a second."
                .to_owned(),
        ),
        Missing::Unprovable(ProveError::Store(error)) if error.is_permission_denied() => unchecked(
            "This viewer may read the entry, but not what proves it: it lacks the role audit_reader.",
            command("doctor"),
        ),
        Missing::Unprovable(ProveError::Store(_)) => unchecked("The log did not answer.", command("doctor")),
        Missing::Unprovable(error) => {
            ("broken", "✗", "Not as it was written", sentence(&error.to_string()), command("verify"))
        }
        Missing::TooLate => unchecked("The tree is large, and computing it again takes its time.", command("verify")),
    };
    let may_wait = matches!(missing, Missing::TooLate) && patience == Patience::Glance;
    Integrity { state, symbol, title, sentences: vec![sentence], command, has_file: false, may_wait }
}

/// An error's text as a sentence.
fn sentence(error: &str) -> String {
    let error = visible(error);
    let mut letters = error.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// The proof as `audit proof` prints it.
pub(super) async fn file(State(log): State<Arc<Log>>, uri: Uri, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<Uuid>() else { return missing(&uri) };
    match prove(&log, id, Patience::Asked).await {
        Ok(proof) => {
            let text = serde_json::to_string_pretty(&proof).unwrap_or_default();
            let name = format!("attachment; filename=\"proof-{id}.json\"");
            let about = [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_DISPOSITION, name)];
            (about, json(&text).into_owned() + "\n").into_response()
        }
        Err(Missing::Unprovable(ProveError::NoEntry { .. })) => missing(&uri),
        Err(Missing::Unprovable(ProveError::Store(error))) => Message::of(&error).response(&uri),
        Err(Missing::Unprovable(error)) => {
            let text = sentence(&error.to_string());
            Message::new(StatusCode::CONFLICT, "There is no proof of this entry", text).response(&uri)
        }
        Err(Missing::TooLate) => {
            let text =
                format!("Computing it took too long for a page: `audit proof {id}` takes the time that it needs.");
            Message::new(StatusCode::SERVICE_UNAVAILABLE, "The proof is not ready", text).response(&uri)
        }
    }
}
