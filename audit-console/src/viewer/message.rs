//! Pages that say why there is nothing else to see.

use std::convert::Infallible;
use std::future::ready;

use askama::Template;
use audit_core::store::{ErrorClass, StoreError};
use axum::body::Body;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use futures_util::{StreamExt as _, stream};

use super::router::root;
use crate::render::escape::visible;

/// Why there is nothing else to see, and what to do about it.
#[derive(Debug)]
pub(super) struct Message {
    status: StatusCode,
    title: &'static str,
    text: String,
    /// What to run.
    command: Option<&'static str>,
    detail: Option<String>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Page<'a> {
    root: String,
    title: &'a str,
    text: &'a str,
    command: Option<&'a str>,
    detail: Option<&'a str>,
}

impl Message {
    pub(super) fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self { status, title, text: text.into(), command: None, detail: None }
    }

    /// What to say of a log that gave no entries.
    pub(super) fn of(error: &StoreError) -> Self {
        let message = match error.class() {
            ErrorClass::Transient => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The log did not answer",
                "This passes by itself, or with a narrower question: load the page again.",
            ),
            _ if error.is_permission_denied() => Self::refused(),
            _ => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The log cannot be read",
                "Somebody has to act, to bring the log up to date for example: `audit doctor` says what is to be done.",
            ),
        };
        Self { detail: Some(visible(&error.to_string()).into_owned()), ..message }
    }

    fn refused() -> Self {
        let message = Self::new(
            StatusCode::FORBIDDEN,
            "This viewer may not read the log",
            "Who may belongs to the role audit_reader, or what `audit migrate --role-prefix` named it, and the database \
             user of this viewer does not. Whoever administers the database lets that USER in with:",
        );
        Self { command: Some("GRANT audit_reader TO USER;"), ..message }
    }

    pub(super) fn response(&self, uri: &Uri) -> Response {
        let (text, command, detail) = (&self.text, self.command, self.detail.as_deref());
        let page = Page { root: root(uri), title: self.title, text, command, detail };
        (self.status, html(&page)).into_response()
    }
}

/// A page as an answer.
pub(super) fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A page as an answer whose end is sent once it is ready.
pub(super) fn in_pieces<End: Template>(
    page: &impl Template,
    end: impl Future<Output = End> + Send + 'static,
) -> Response {
    let Ok(first) = page.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let end = stream::once(async { end.await.render().unwrap_or_default() });
    Html(Body::from_stream(stream::once(ready(first)).chain(end).map(Ok::<_, Infallible>))).into_response()
}
