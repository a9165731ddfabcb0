//! New entries as they come (server-sent events).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use audit_core::Row;
use audit_core::query::{Follow, Position};
use audit_core::store::{ErrorClass, StoreError};
use axum::extract::{Query as Parameters, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chrono::{SecondsFormat, TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use super::Log;
use super::asked::Asked;
use super::message::Message;
use super::sentence::Sentence;
use crate::render::escape::visible;

/// How often the log is asked.
const PACE: Duration = Duration::from_millis(500);
/// How long the answer waits for the first look at the log: where few of many entries match, that may take long.
const BEGUN_WITHIN: Duration = Duration::from_secs(2);
/// How long batches may wait for a sealer before that is said.
const SEALED_WITHIN: TimeDelta = TimeDelta::seconds(5);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where to begin.
#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    /// The end of the tree when the page was made.
    from: Option<String>,
}

/// Sends each entry that is sealed from a position on, once, however late its transaction committed: as `entry`, a piece of the
/// page, whose id is the position behind it. A client that comes again says it as `Last-Event-ID`. While nothing can come,
/// `trouble` says why; whoever may not read the log at all is refused, so that no client comes again and again.
pub(super) async fn follow(
    State(log): State<Arc<Log>>,
    uri: Uri,
    Parameters(asked): Parameters<Asked>,
    Parameters(begin): Parameters<Begin>,
    headers: HeaderMap,
) -> Response {
    let refused = |text: &str| {
        Message::new(StatusCode::BAD_REQUEST, "There is nothing to follow", text.to_owned()).response(&uri)
    };
    let Ok(query) = asked.understood(Utc::now()) else {
        return refused("The query is not understood: the page of entries says what is wrong with it.");
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let position = match last.or(begin.from).map(|text| text.parse::<Position>()).transpose() {
        Ok(position) => position,
        Err(error) => return refused(&format!("{error}.")),
    };
    let Ok(permit) = Arc::clone(&log.tails).try_acquire_owned() else {
        let text = "As many follow the log as may at a time. Try again later.";
        return Message::new(StatusCode::SERVICE_UNAVAILABLE, "Too many follow the log", text).response(&uri);
    };
    let position = match position {
        Some(position) => position,
        None => match log.background.end().await {
            Ok(end) => end,
            Err(error) => return Message::of(&error).response(&uri),
        },
    };
    let mut tail = Tail::new(log, Follow::new(query.filter, position), permit);
    // Dropped after a while, the look loses nothing.
    let first = match timeout(BEGUN_WITHIN, tail.follow.next_if_any(&tail.log.background)).await {
        Ok(Err(error)) if error.is_permission_denied() => return Message::of(&error).response(&uri),
        Ok(Ok(Some(row))) => Some(tail.entry(&row)),
        // Whatever it is, it is met again, and told then.
        _ => None,
    };
    let others = stream::unfold(tail, |mut tail| async move { Some((tail.next().await, tail)) });
    let events = stream::iter(first).chain(others).map(Ok::<_, Infallible>);
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

struct Tail {
    log: Arc<Log>,
    follow: Follow,
    pace: Interval,
    /// When to look next whether somebody seals.
    look: Instant,
    /// What was said last that keeps entries from coming.
    trouble: Option<String>,
    _permit: OwnedSemaphorePermit,
}

impl Tail {
    fn new(log: Arc<Log>, follow: Follow, permit: OwnedSemaphorePermit) -> Self {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { log, follow, pace, look: Instant::now(), trouble: None, _permit: permit }
    }

    async fn next(&mut self) -> Event {
        loop {
            let trouble = match self.follow.next_if_any(&self.log.background).await {
                Ok(Some(row)) => {
                    self.trouble = None;
                    return self.entry(&row);
                }
                Ok(None) => self.unsealed().await,
                Err(error) => Some(told(&error)),
            };
            if trouble != self.trouble {
                self.trouble.clone_from(&trouble);
                return Event::default().event("trouble").data(trouble.unwrap_or_default());
            }
            self.pace.tick().await;
        }
    }

    fn entry(&self, row: &Row) -> Event {
        // What comes this way has been put into the tree.
        let sentence = Sentence::new(row, Utc::now(), "").sealed(true).render().unwrap_or_default();
        Event::default().event("entry").id(self.follow.position().to_string()).data(sentence)
    }

    /// That nobody seals, so that nothing can come; otherwise nothing.
    async fn unsealed(&mut self) -> Option<String> {
        if Instant::now() < self.look {
            return self.trouble.clone();
        }
        self.look = Instant::now() + LOOK_EVERY;
        // A log that does not answer is told of when it is followed.
        let since = self.log.background.unsealed_since().await.ok().flatten();
        let since = since.filter(|since| *since < Utc::now() - SEALED_WITHIN)?;
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
        Some(format!("Nobody seals this log: what was stored since {since} comes once `audit seal` runs."))
    }
}

fn told(error: &StoreError) -> String {
    match error.class() {
        ErrorClass::Transient => "The log did not answer; trying again.".to_owned(),
        _ if error.is_permission_denied() => {
            "This viewer may no longer read the log: it lacks the role audit_reader. Trying again.".to_owned()
        }
        _ => visible(&error.to_string()).into_owned(),
    }
}
