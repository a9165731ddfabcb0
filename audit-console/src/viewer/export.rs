//! The entries of a query as a file, however many.

use std::sync::Arc;

use audit_core::Row;
use audit_core::query::Query;
use audit_core::store::StoreError;
use axum::body::Body;
use axum::extract::{Query as Parameters, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::Log;
use super::asked::Asked;
use super::message::Message;
use crate::render::{csv, escape};

/// Rows that are in memory at a time.
const ROWS: u32 = 200;

/// How entries are written.
struct Format {
    name: &'static str,
    media_type: &'static str,
    header: &'static str,
    line: fn(&Row) -> String,
}

const CSV: Format = Format {
    name: "csv",
    media_type: "text/csv; charset=utf-8",
    header: csv::HEADER,
    line: |row| csv::line(row) + "\r\n",
};

const JSONL: Format = Format {
    name: "jsonl",
    media_type: "application/x-ndjson",
    header: "",
    line: |row| escape::json(&serde_json::to_string(row).unwrap_or_default()).into_owned() + "\n",
};

pub(super) async fn csv(log: State<Arc<Log>>, uri: Uri, asked: Parameters<Asked>) -> Response {
    export(log, &uri, &asked, &CSV).await
}

pub(super) async fn jsonl(log: State<Arc<Log>>, uri: Uri, asked: Parameters<Asked>) -> Response {
    export(log, &uri, &asked, &JSONL).await
}

/// Oldest first, up to now. A log that stops answering later than at the first rows, and a client that stops reading, break the file
/// off, which clients take for a failure.
async fn export(State(log): State<Arc<Log>>, uri: &Uri, asked: &Asked, format: &'static Format) -> Response {
    let now = Utc::now();
    let Ok(query) = asked.understood(now) else {
        let text = "The query is not understood: the page of entries says what is wrong with it.";
        return Message::new(StatusCode::BAD_REQUEST, "There is nothing to export", text).response(uri);
    };
    let Ok(permit) = Arc::clone(&log.exports).try_acquire_owned() else {
        let text = "As many exports run as may at a time. Try again later, or use `audit export`.";
        return Message::new(StatusCode::SERVICE_UNAVAILABLE, "Too many exports", text).response(uri);
    };
    let query = Query::from(query.filter).until(now).oldest_first().limit(ROWS);
    let mut export = Export { log, next: Some(query), line: format.line, _permit: permit };
    // Before anything is sent it can still be said why there is no file.
    let first = match export.chunk().await {
        Ok(rows) => format.header.to_owned() + &rows.unwrap_or_default(),
        Err(error) => return Message::of(&error).response(uri),
    };
    let (sender, receiver) = mpsc::channel(1);
    // By itself, because nobody asks the body for more while its client does not read.
    tokio::spawn(export.send(first, sender));
    let body = Body::from_stream(stream::try_unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await.unwrap_or(Err(Broken::Unread))?;
        Ok::<_, Broken>(chunk.map(|chunk| (chunk, receiver)))
    }));
    let name = format!("attachment; filename=\"audit-{}.{}\"", now.format("%Y%m%dT%H%M%SZ"), format.name);
    let about = [(header::CONTENT_TYPE, format.media_type.to_owned()), (header::CONTENT_DISPOSITION, name)];
    (about, body).into_response()
}

/// Why a file ends before its time.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Log(#[from] StoreError),
    #[error("the client did not read on")]
    Unread,
}

struct Export {
    log: Arc<Log>,
    /// What is asked next; `None` after the last page.
    next: Option<Query>,
    line: fn(&Row) -> String,
    _permit: OwnedSemaphorePermit,
}

impl Export {
    /// Sends chunk after chunk, and `None` behind the last; a receiver that takes none for too long is given up.
    async fn send(mut self, first: String, sender: mpsc::Sender<Result<Option<String>, Broken>>) {
        let mut chunk = Ok(Some(first));
        loop {
            let is_last = !matches!(chunk, Ok(Some(_)));
            if sender.send_timeout(chunk, self.log.unread_time).await.is_err() || is_last {
                return;
            }
            chunk = self.chunk().await.map_err(Broken::Log);
        }
    }

    async fn chunk(&mut self) -> Result<Option<String>, StoreError> {
        let Some(query) = self.next.take() else { return Ok(None) };
        let page = self.log.background.page(&query).await?;
        self.next = page.next.map(|next| query.after(next));
        Ok(Some(page.rows.iter().map(self.line).collect()))
    }
}
