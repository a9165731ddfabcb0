//! The page of entries.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use audit_core::Row;
use audit_core::query::{Cursor, CursorError, ParseError, Position, Query};
use axum::extract::{Query as Parameters, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use tokio::time::timeout;

use super::Log;
use super::asked::{Asked, Understood};
use super::beside::{self, Beside};
use super::message::{Message, html, in_pieces};
use super::sentence::Sentence;
use super::times::Told;
use crate::commands::shell;
use crate::database_url::encode;
use crate::render::escape::visible;

/// How long the entries wait for where to follow the log from.
const END: Duration = Duration::from_secs(2);

/// How long the entries wait for their badges.
const BADGES: Duration = Duration::from_millis(250);

#[derive(Template)]
#[template(path = "entries.html")]
struct Page {
    root: &'static str,
    form: Form,
    chips: Vec<Chip>,
    ranges: Vec<Chip>,
    rows: Vec<Sentence>,
    /// Whether the log was asked for everything.
    unfiltered: bool,
    /// How far back was searched before the time was up.
    searched_to: Option<Told>,
    first: Option<String>,
    newer: Option<String>,
    older: Option<String>,
    live: Option<String>,
    csv: String,
    jsonl: String,
    command: String,
}

/// The page of a query that is not understood.
#[derive(Template)]
#[template(path = "mistaken.html")]
struct Mistaken {
    root: &'static str,
    form: Form,
    offers: Vec<String>,
}

/// The query box.
struct Form {
    text: String,
    mistake: Option<Mistake>,
}

/// What is wrong with a query: the text before the word, the word, and the text behind it.
struct Mistake {
    message: String,
    hint: Option<String>,
    before: String,
    word: String,
    behind: String,
}

/// A link to a query beside this one.
struct Chip {
    label: String,
    address: String,
}

pub(super) async fn show(State(log): State<Arc<Log>>, uri: Uri, Parameters(asked): Parameters<Asked>) -> Response {
    let now = Utc::now();
    let query = match asked.understood(now) {
        Ok(query) => query,
        Err(error) => return mistaken(&asked.q, &error, beside::offers(&log).await),
    };
    let question = match question(&asked, &query) {
        Ok(question) => question,
        Err(error) => {
            let message = Message::new(StatusCode::BAD_REQUEST, "There is no such page", error.to_string());
            return message.response(&uri);
        }
    };
    let end = end(&log).await;
    let page = match log.pages.page(&question).await {
        Ok(page) => page,
        Err(error) => return Message::of(&error).response(&uri),
    };
    let place = |name: &str, cursor: Option<Cursor>| Some(beside(&query, name, cursor?));
    let export = |format: &str| format!("export.{format}?q={}", encode(&query.text));
    let entries = Page {
        root: "",
        chips: query.terms().iter().map(|term| Chip { label: term.clone(), address: query.without(term) }).collect(),
        ranges: ranges(&query),
        rows: sentences(&log, &page.rows, now).await,
        unfiltered: query.filter.is_empty(),
        searched_to: page.searched_to.map(|time| Told::new(time, now)),
        first: page.previous.map(|_| query.address()),
        newer: place("before", page.previous),
        older: place("after", page.next),
        live: end.filter(|_| page.previous.is_none()).map(|end| format!("live?q={}&from={end}", encode(&query.text))),
        csv: export("csv"),
        jsonl: export("jsonl"),
        command: shell::command_with("query", &log.place(), &query.text, []),
        form: Form { text: query.text.clone(), mistake: None },
    };
    // People read the entries while the rest is counted.
    in_pieces(&entries, async move { Beside::of(&log, &query).await })
}

/// Rows as sentences, each with its badge where the log tells in time.
async fn sentences(log: &Log, rows: &[Row], now: DateTime<Utc>) -> Vec<Sentence> {
    let sentences = rows.iter().map(|row| Sentence::new(row, now, ""));
    match timeout(BADGES, log.pages.are_sealed(rows)).await {
        Ok(Ok(sealed)) => sentences.zip(sealed).map(|(sentence, sealed)| sentence.sealed(sealed)).collect(),
        _ => sentences.collect(),
    }
}

/// Where to follow the log from; looked up before the entries, so that nothing is missed between the page and what follows.
async fn end(log: &Log) -> Option<Position> {
    timeout(END, log.background.end()).await.ok()?.ok()
}

fn question(asked: &Asked, query: &Understood) -> Result<Query, CursorError> {
    let question = Query::from(query.filter.clone());
    Ok(match (&asked.after, &asked.before) {
        (Some(cursor), _) => question.after(cursor.parse()?),
        (None, Some(cursor)) => question.before(cursor.parse()?),
        (None, None) => question,
    })
}

fn beside(query: &Understood, place: &str, cursor: Cursor) -> String {
    let address = query.address();
    let sign = if address.contains('?') { '&' } else { '?' };
    format!("{address}{sign}{place}={cursor}")
}

fn mistaken(text: &str, error: &ParseError, offers: Vec<String>) -> Response {
    let text = text.trim();
    let span = error.span();
    let part = |text: &str| visible(text).into_owned();
    let mistake = Mistake {
        message: part(error.message()),
        hint: error.hint().map(part),
        before: part(&text[..span.start]),
        word: part(&text[span.clone()]),
        behind: part(&text[span.end..]),
    };
    let page = Mistaken { root: "", form: Form { text: part(text), mistake: Some(mistake) }, offers };
    (StatusCode::BAD_REQUEST, html(&page)).into_response()
}

/// The usual spans of time.
fn ranges(query: &Understood) -> Vec<Chip> {
    let spans = [("1 hour", "created:>=1h"), ("24 hours", "created:>=24h"), ("7 days", "created:>=7d")];
    let spans = spans.into_iter().chain([("30 days", "created:>=30d"), ("all time", "")]);
    spans.map(|(label, term)| Chip { label: label.to_owned(), address: query.during(term) }).collect()
}
