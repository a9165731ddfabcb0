//! The page of entries.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use audit_core::catalog;
use audit_core::query::{Basis, Cursor, CursorError, Overview, ParseError, Position, Query};
use audit_core::{AuditAction, Outcome, Row};
use axum::extract::{Query as Parameters, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use tokio::time::timeout;

use super::Log;
use super::asked::{Asked, Understood};
use super::facets::{self, Facet};
use super::histogram::{self, Histogram};
use super::message::{Message, html};
use super::numbers::Precision;
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

/// How long the page waits for what stands beside its entries, also while others ask.
const BESIDE: Duration = Duration::from_secs(2);

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

/// What was counted beside the entries.
struct Counted {
    /// `312 entries`, `about 1,200,000 entries`.
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
        Err(error) => return mistaken(&asked.q, &error, offers(&log).await),
    };
    let question = match question(&asked, &query) {
        Ok(question) => question,
        Err(error) => {
            let message = Message::new(StatusCode::BAD_REQUEST, "There is no such page", error.to_string());
            return message.response(&uri);
        }
    };
    let end = end(&log).await;
    let (page, counted, offers) = tokio::join!(log.pages.page(&question), Counted::glance(&log, &query), offers(&log));
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
        rows: sentences(&log, &page.rows, now).await,
        unfiltered: query.filter.is_empty(),
        searched_to: page.searched_to.map(|time| Told::new(time, now)),
        first: page.previous.map(|_| query.address()),
        newer: place("before", page.previous),
        older: place("after", page.next),
        counted,
        live: end.filter(|_| page.previous.is_none()).map(|end| format!("live?q={}&from={end}", encode(&query.text))),
        csv: export("csv"),
        jsonl: export("jsonl"),
        command: shell::command_with("query", &log.place(), &query.text, []),
        form: Form { text: query.text, mistake: None, offers },
    })
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
    timeout(BESIDE, log.background.end()).await.ok()?.ok()
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
    let page = Page {
        root: "",
        form: Form { text: part(text), mistake: Some(mistake), offers },
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

/// What the query box offers: fields, and values that the log or the catalog has.
async fn offers(log: &Log) -> Vec<String> {
    let fields = FIELDS.into_iter().map(str::to_owned);
    let outcomes = Outcome::ALL.into_iter().map(|outcome| format!("outcome:{outcome}"));
    let mut values = log.known.terms().await;
    values.extend(catalog::list::<AuditAction>().into_iter().map(|action| format!("action:{}", action.name)));
    fields.chain(outcomes).chain(values).collect()
}

impl Counted {
    /// Counts for a glance; people do not wait for what stands beside the entries.
    async fn glance(log: &Log, query: &Understood) -> Self {
        let asked = Query::from(query.filter.clone());
        let overview = timeout(BESIDE, log.beside.overview(&asked, histogram::BARS, facets::VALUES)).await;
        if let Ok(Ok(overview)) = overview {
            return Self::of(&overview, query);
        }
        let base = "Nothing was counted: the log gave no answer in time.".to_owned();
        Self { total: String::new(), base, facets: Vec::new(), histogram: None }
    }

    fn of(overview: &Overview, query: &Understood) -> Self {
        let number = overview.total.number();
        let told = Precision::of(overview).tell(number);
        let entries = if number == 1 { "entry" } else { "entries" };
        let (total, base) = match overview.basis {
            Basis::Newest(_) => {
                (format!("more than {told} {entries}"), format!("Counted over the newest {told} that match."))
            }
            Basis::Parts => {
                let base = "Estimated from parts of the time.".to_owned();
                (format!("about {} {entries}", told.trim_start_matches('~')), base)
            }
            _ => (format!("{told} {entries}"), format!("Counted over all {told} that match.")),
        };
        Self { total, base, facets: facets::facets(overview, query), histogram: histogram::histogram(overview, query) }
    }
}
