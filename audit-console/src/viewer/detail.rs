//! The page of one entry.

mod changes;

use std::sync::Arc;

use askama::Template;
use audit_core::Row;
use audit_core::query::Query;
use audit_core::store::StoreError;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use self::changes::{Member, Side, members};
use super::integrity::{Integrity, Patience};
use super::message::{Message, html};
use super::sentence::Sentence;
use super::times::{Told, span};
use super::{Log, asked::safe, integrity};
use crate::commands::shell;
use crate::database_url::encode;
use crate::render::escape::{json, visible};

/// Most entries of the same request that are shown.
const NEIGHBOURS: u32 = 50;

#[derive(Template)]
#[template(path = "entry.html")]
struct Page {
    root: &'static str,
    sentence: Sentence,
    facts: Vec<Fact>,
    members: Vec<Member>,
    document: String,
    integrity: Integrity,
    timeline: Vec<Moment>,
    /// The query for all entries of the request, where not all are shown.
    all: Option<String>,
    command: String,
}

/// A column that has a value.
struct Fact {
    name: &'static str,
    value: String,
    /// The query for entries that have the same.
    address: Option<String>,
}

/// An entry of the same request.
struct Moment {
    /// The time since the first.
    since: String,
    sentence: Sentence,
    this: bool,
}

/// How the address asks for an entry.
#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Whether to wait for its proof.
    proof: Option<String>,
}

pub(super) async fn show(
    State(log): State<Arc<Log>>,
    uri: Uri,
    Path(id): Path<String>,
    Parameters(wanted): Parameters<Wanted>,
) -> Response {
    let Ok(id) = id.parse::<Uuid>() else { return missing(&uri) };
    let patience = if wanted.proof.is_some() { Patience::Asked } else { Patience::Glance };
    match read(&log, id, patience).await {
        Ok(Some(page)) => html(&page),
        Ok(None) => missing(&uri),
        Err(error) => Message::of(&error).response(&uri),
    }
}

pub(super) fn missing(uri: &Uri) -> Response {
    let text = "No entry has this id. It may be in another log, or its time to be kept is over.";
    Message::new(StatusCode::NOT_FOUND, "There is no such entry", text).response(uri)
}

async fn read(log: &Log, id: Uuid, patience: Patience) -> Result<Option<Page>, StoreError> {
    let now = Utc::now();
    let Some(row) = log.pages.find(id).await? else { return Ok(None) };
    let (mut timeline, mut all) = (Vec::new(), None);
    if let Some(request) = &row.request_id {
        let query = Query::new().request_id(request).oldest_first().limit(NEIGHBOURS);
        let page = log.pages.page(&query).await?;
        let first = page.rows.first().map_or(row.created_at, |row| row.created_at);
        timeline.extend(page.rows.iter().map(|other| Moment {
            since: format!("+{}", span((other.created_at - first).num_microseconds().unwrap_or(i64::MAX))),
            sentence: Sentence::new(other, now, "../"),
            this: other.id == id,
        }));
        all = page.next.map(|_| address(&query));
    }
    let document = serde_json::to_string_pretty(&row).unwrap_or_default();
    Ok(Some(Page {
        root: "../",
        sentence: Sentence::new(&row, now, "../"),
        facts: facts(&row),
        members: members(row.metadata.as_map()),
        document: json(&document).into_owned(),
        integrity: integrity::of(log, &row, patience).await,
        timeline,
        all,
        command: shell::command_with("show", &log.place(), &id.to_string(), []),
    }))
}

/// What the row's columns say, in the order of who, what, where from and how it came here.
fn facts(row: &Row) -> Vec<Fact> {
    let now = row.created_at;
    let text = |value: &Option<String>| value.as_deref().map(|value| visible(value).into_owned());
    let id = |value: &Option<Uuid>| value.map(|value| value.to_string());
    let same = |query: Query| Some(address(&query));
    let facts = [
        ("Time", Some(Told::new(row.created_at, now).exact), None),
        ("Took", row.duration_us.map(span), None),
        ("Actor", text(&row.actor_id), row.actor_id.as_ref().and_then(|id| same(Query::new().actor(id)))),
        ("Actor type", Some(row.actor_type.to_string()), None),
        ("On behalf of", text(&row.on_behalf_of), None),
        ("Action", Some(visible(&row.action).into_owned()), same(Query::new().action(&row.action))),
        ("Target type", Some(visible(&row.target_type).into_owned()), same(Query::new().target_type(&row.target_type))),
        ("Target", text(&row.target_id), row.target_id.as_ref().and_then(|id| same(Query::new().target_id(id)))),
        ("Error", text(&row.error), None),
        ("Address", row.ip_address.map(|address| address.to_string()), None),
        ("User agent", text(&row.user_agent), None),
        ("Request", text(&row.request_id), row.request_id.as_ref().and_then(|id| same(Query::new().request_id(id)))),
        ("Tenant", text(&row.tenant_id), row.tenant_id.as_ref().and_then(|id| same(Query::new().tenant(id)))),
        ("Trace", text(&row.trace_id), None),
        ("Span", text(&row.span_id), None),
        ("Origin", text(&row.origin), None),
        ("Attempt", id(&row.attempt_id), row.attempt_id.map(|id| id.to_string())),
        ("Recorded", row.recorded_at.map(|time| Told::new(time, now).exact), None),
        ("Stream", Some(format!("{}, entry {}", row.stream_id, row.seq)), None),
        ("Erased", Some(integrity::erased(row).join(", ")).filter(|names| !names.is_empty()), None),
        ("Id", Some(row.id.to_string()), None),
    ];
    facts.into_iter().filter_map(|(name, value, address)| Some(Fact { name, value: value?, address })).collect()
}

fn address(query: &Query) -> String {
    format!("../entries?q={}", encode(&safe(&query.filter().to_string())))
}
