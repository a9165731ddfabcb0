//! New entries as they come (server-sent events).

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use audit_core::Row;
use audit_core::query::{Filter, Query};
use audit_core::store::StoreError;
use axum::extract::{Query as Parameters, State};
use axum::http::{StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chrono::{TimeDelta, Utc};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};
use uuid::Uuid;

use super::Log;
use super::asked::Asked;
use super::message::Message;
use super::sentence::Sentence;

/// How often the log is asked.
const PACE: Duration = Duration::from_secs(1);
/// How late an entry may be stored and still be seen.
const LATE: TimeDelta = TimeDelta::seconds(60);
/// Most entries of one look. Of more than so many within [`LATE`], the older ones are not sent.
const MOST: u32 = 200;

/// Sends each entry that is recorded from now on, and those of the last minute, once: as `entry`, a piece of the page. While the
/// log does not answer, `trouble` says so.
pub(super) async fn follow(State(log): State<Arc<Log>>, uri: Uri, Parameters(asked): Parameters<Asked>) -> Response {
    let Ok(query) = asked.understood(Utc::now()) else {
        let text = "The query is not understood: the page of entries says what is wrong with it.";
        return Message::new(StatusCode::BAD_REQUEST, "There is nothing to follow", text).response(&uri);
    };
    let Ok(permit) = Arc::clone(&log.tails).try_acquire_owned() else {
        let text = "As many follow the log as may at a time. Try again later.";
        return Message::new(StatusCode::SERVICE_UNAVAILABLE, "Too many follow the log", text).response(&uri);
    };
    let tail = Tail::new(log, query.filter, permit);
    let events = stream::unfold(tail, |mut tail| async move { Some((Ok::<_, Infallible>(tail.next().await), tail)) });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

struct Tail {
    log: Arc<Log>,
    filter: Filter,
    pace: Interval,
    /// What the last look found.
    seen: HashSet<Uuid>,
    /// What is to be sent, oldest first.
    waiting: VecDeque<Row>,
    /// Whether the last look failed.
    trouble: bool,
    _permit: OwnedSemaphorePermit,
}

impl Tail {
    fn new(log: Arc<Log>, filter: Filter, permit: OwnedSemaphorePermit) -> Self {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { log, filter, pace, seen: HashSet::new(), waiting: VecDeque::new(), trouble: false, _permit: permit }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some(row) = self.waiting.pop_front() {
                let sentence = Sentence::new(&row, Utc::now(), "").render().unwrap_or_default();
                return Event::default().event("entry").id(row.id.to_string()).data(sentence);
            }
            self.pace.tick().await;
            let before = self.trouble;
            self.trouble = self.look().await.is_err();
            if self.trouble && !before {
                return Event::default().event("trouble").data("the log did not answer; trying again");
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let latest = Query::from(self.filter.clone()).since(Utc::now() - LATE).limit(MOST);
        let rows = self.log.background.page(&latest).await?.rows;
        let found = rows.iter().map(|row| row.id).collect();
        let seen = std::mem::replace(&mut self.seen, found);
        self.waiting.extend(rows.into_iter().rev().filter(|row| !seen.contains(&row.id)));
        Ok(())
    }
}
