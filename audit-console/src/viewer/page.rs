//! The page of entries.

use std::sync::Arc;

use askama::Template;
use audit_core::catalog;
use audit_core::query::{Cursor, CursorError, ParseError, Query};
use audit_core::{AuditAction, Outcome};
use axum::extract::{Query as Parameters, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chrono::Utc;

use super::Log;
use super::asked::{Asked, Understood};
use super::facets::{Facet, facets};
use super::histogram::{Histogram, histogram};
use super::message::{Message, html};
use super::numbers::thousands;
use super::sample::Sample;
use super::sentence::Sentence;
use super::times::Told;
use crate::commands::shell;
use crate::database_url::encode;
use crate::render::escape::visible;

/// Fields and values that the query box offers.
const FIELDS: [&str; 12] = [
    "actor:",
    "action:",
    "target:",
    "target_type:",
    "request:",
    "tenant:",
    "ip:",
    "error:",
    "metadata.",
    "created:>=24h",
    "created:>=7d",
    "actor_type:api_key",
];

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
    counted: Counted,
    live: Option<String>,
    csv: String,
    jsonl: String,
    command: String,
}

/// The query box.
struct Form {
    text: String,
    mistake: Option<Mistake>,
    offers: Vec<String>,
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

/// What was counted of the newest entries.
struct Counted {
    /// `312 entries`, `more than 1,000 entries`.
    total: String,
    /// Of which entries the rest is told.
    base: String,
    facets: Vec<Facet>,
    histogram: Option<Histogram>,
}

pub(super) async fn show(State(log): State<Arc<Log>>, uri: Uri, Parameters(asked): Parameters<Asked>) -> Response {
    let now = Utc::now();
    let query = match asked.understood(now) {
        Ok(query) => query,
        Err(error) => return mistaken(&asked.q, &error),
    };
    let question = match question(&asked, &query) {
        Ok(question) => question,
        Err(error) => {
            let message = Message::new(StatusCode::BAD_REQUEST, "There is no such page", error.to_string());
            return message.response(&uri);
        }
    };
    let (page, sample) = tokio::join!(log.pages.page(&question), Sample::take(&log, &query.filter));
    let page = match page {
        Ok(page) => page,
        Err(error) => return Message::of(&error).response(&uri),
    };
    let place = |name: &str, cursor: Option<Cursor>| Some(beside(&query, name, cursor?));
    let export = |format: &str| format!("export.{format}?q={}", encode(&query.text));
    html(&Page {
        root: "",
        chips: query.terms().iter().map(|term| Chip { label: term.clone(), address: query.without(term) }).collect(),
        ranges: ranges(&query),
        rows: page.rows.iter().map(|row| Sentence::new(row, now, "")).collect(),
        unfiltered: query.filter.is_empty(),
        searched_to: page.searched_to.map(|time| Told::new(time, now)),
        first: page.previous.map(|_| query.address()),
        newer: place("before", page.previous),
        older: place("after", page.next),
        counted: Counted::of(sample.ok(), &query),
        live: page.previous.is_none().then(|| format!("live?q={}", encode(&query.text))),
        csv: export("csv"),
        jsonl: export("jsonl"),
        command: shell::command_with("query", &log.place(), &query.text, []),
        form: Form { text: query.text, mistake: None, offers: offers() },
    })
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

fn mistaken(text: &str, error: &ParseError) -> Response {
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
    let page = Page {
        root: "",
        form: Form { text: part(text), mistake: Some(mistake), offers: offers() },
        chips: Vec::new(),
        ranges: Vec::new(),
        rows: Vec::new(),
        unfiltered: false,
        searched_to: None,
        first: None,
        newer: None,
        older: None,
        counted: Counted { total: String::new(), base: String::new(), facets: Vec::new(), histogram: None },
        live: None,
        csv: String::new(),
        jsonl: String::new(),
        command: String::new(),
    };
    (StatusCode::BAD_REQUEST, html(&page)).into_response()
}

/// The usual spans of time.
fn ranges(query: &Understood) -> Vec<Chip> {
    let spans = [("1 hour", "created:>=1h"), ("24 hours", "created:>=24h"), ("7 days", "created:>=7d")];
    let spans = spans.into_iter().chain([("30 days", "created:>=30d"), ("all time", "")]);
    spans.map(|(label, term)| Chip { label: label.to_owned(), address: query.during(term) }).collect()
}

fn offers() -> Vec<String> {
    let fields = FIELDS.into_iter().map(str::to_owned);
    let outcomes = Outcome::ALL.into_iter().map(|outcome| format!("outcome:{outcome}"));
    let actions = catalog::list::<AuditAction>().into_iter().map(|action| format!("action:{}", action.name));
    fields.chain(outcomes).chain(actions).collect()
}

impl Counted {
    fn of(sample: Option<Sample>, query: &Understood) -> Self {
        let Some(sample) = sample else {
            let base = "nothing: the log gave no answer in time".to_owned();
            return Self { total: String::new(), base, facets: Vec::new(), histogram: None };
        };
        let number = thousands(sample.rows.len() as u64);
        let entries = if sample.rows.len() == 1 { "entry" } else { "entries" };
        let (total, base) = if sample.more {
            (format!("more than {number} {entries}"), format!("the newest {number} that match"))
        } else {
            (format!("{number} {entries}"), format!("all {number} that match"))
        };
        Self { total, base, facets: facets(&sample, query), histogram: histogram(&sample, query) }
    }
}
