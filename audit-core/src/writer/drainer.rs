//! Moves entries from the outbox to the log, as long as the queue is open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::condition::{Condition, Part};
use super::pauses::pauses;
use super::queue::Queue;
use super::session::Delivery;
use crate::outbox::{Bell, Cutter, Pace};
use crate::signing::Signer;
use crate::store::drain::{Drain, Drained};
use crate::store::{BoxFuture, ErrorClass, StoreError};

/// The pause between two looks where this user may not drain: somebody may grant it.
const NOT_ALLOWED_POLL: Duration = Duration::from_secs(30);
/// How long an attempt may go on after the queue has closed.
const END_WITHIN: Duration = Duration::from_secs(1);

/// Where the entries are, and where they go.
pub(crate) trait Source: Send + Sync + 'static {
    /// Where the outbox is, for logs; never a password.
    fn describe(&self) -> String;

    /// Opens a connection.
    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Drain>, StoreError>>;
}

/// What the drainer works with.
#[derive(Clone)]
pub(crate) struct Drainer {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) pace: Pace,
    /// Whether it hears of commits, and where.
    pub(crate) bell: Option<Bell>,
    pub(crate) delivery: Delivery,
    pub(crate) condition: Arc<Condition>,
    /// Who signs batches, if anybody does.
    pub(crate) signer: Option<Arc<dyn Signer>>,
}

impl Drainer {
    /// Drains until the queue closes. A panic begins it anew: what was under way was committed, or not; the outbox knows.
    pub(crate) async fn run(self, queue: Arc<Queue>) {
        while let Err(panic) = tokio::spawn(self.clone().drain(Arc::clone(&queue))).await {
            tracing::error!(%panic, "the audit outbox's drainer panicked, and begins anew");
            tokio::time::sleep(self.delivery.longest_pause).await;
        }
    }

    async fn drain(self, queue: Arc<Queue>) {
        let rung = Arc::new(Notify::new());
        // Ends with this function.
        let mut bells = JoinSet::new();
        if let Some(bell) = self.bell.clone() {
            bells.spawn(bell.ring(Arc::clone(&rung)));
        }
        let mut work = Work {
            cutter: Cutter::new(self.pace.rows, self.signer.clone()),
            connection: None,
            pauses: Box::new(pauses(self.delivery.longest_pause)),
            said: None,
            looks_in_vain: false,
            drainer: self,
        };
        loop {
            let pause = {
                let turn = work.turn(&queue);
                tokio::pin!(turn);
                tokio::select! {
                    biased;
                    pause = &mut turn => pause,
                    () = queue.draining() => {
                        // What an attempt has begun it may end, within bounds; the outbox keeps the rest.
                        let _ = tokio::time::timeout(END_WITHIN, turn).await;
                        break;
                    }
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = rung.notified(), if work.looks_in_vain => {}
                () = queue.draining() => break,
            }
        }
        if let Some(connection) = work.connection.take() {
            let _ = tokio::time::timeout(END_WITHIN, connection.close()).await;
        }
    }
}

struct Work {
    drainer: Drainer,
    cutter: Cutter,
    connection: Option<Box<dyn Drain>>,
    /// Of the failures in a row.
    pauses: Box<dyn Iterator<Item = Duration> + Send>,
    /// What was said last of an outbox that cannot be drained.
    said: Option<String>,
    /// Whether the outbox was empty at the last look, so that a commit is news.
    looks_in_vain: bool,
}

impl Work {
    /// One look, and how long to wait for the next.
    async fn turn(&mut self, queue: &Queue) -> Duration {
        let began = Instant::now();
        let attempt = self.attempt().await;
        self.looks_in_vain = matches!(attempt, Ok(Drained::Nothing));
        match attempt {
            Ok(Drained::Moved { entries, dead_lettered }) => {
                queue.drained(entries, dead_lettered);
                queue.measured(entries, began.elapsed());
                self.recovered();
                Duration::ZERO
            }
            Ok(Drained::BegunAgain) => Duration::ZERO,
            Ok(Drained::Nothing) => {
                self.recovered();
                self.drainer.pace.poll.saturating_sub(began.elapsed())
            }
            Ok(Drained::NotAllowed) => {
                let place = self.drainer.source.describe();
                self.say(format!("this user may not drain audit_outbox in {place}, or there is none"));
                NOT_ALLOWED_POLL
            }
            Err(error) => {
                // Whether it was committed is not known, and the connection is good for nothing.
                self.connection = None;
                self.cutter.doubt();
                queue.failed(&error);
                let place = self.drainer.source.describe();
                self.drainer.condition.failed(Part::Outbox, &place, &error);
                self.pauses.next().unwrap_or_default()
            }
        }
    }

    async fn attempt(&mut self) -> Result<Drained, StoreError> {
        let Self { drainer, cutter, connection, .. } = self;
        let (source, timeout) = (&drainer.source, drainer.delivery.timeout);
        let mut open = match connection.take() {
            Some(open) => open,
            None => within(timeout, source.as_ref(), "connecting", source.connect()).await?,
        };
        let drained = within(timeout, source.as_ref(), "draining the outbox", open.drain(cutter)).await?;
        *connection = Some(open);
        Ok(drained)
    }

    fn recovered(&mut self) {
        self.pauses = Box::new(pauses(self.drainer.delivery.longest_pause));
        self.drainer.condition.well(Part::Outbox, || self.drainer.source.describe());
        if self.said.take().is_some() {
            tracing::info!(place = self.drainer.source.describe(), "the audit outbox is drained again");
        }
    }

    /// Says what only an operator can mend, once.
    fn say(&mut self, what: String) {
        if self.said.as_ref() != Some(&what) {
            tracing::warn!(
                reason = what,
                "audit outbox not drained by this writer; its entries wait there. Grant the writer's user the role \
                 `audit_drainer`, or build it with `outbox(Outbox::Leave)`. Said once"
            );
            self.said = Some(what);
        }
    }
}

async fn within<T>(
    timeout: Duration,
    source: &dyn Source,
    what: &str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
        let reason = format!("{} did not answer within {timeout:?}", source.describe());
        Err(StoreError::new(ErrorClass::Transient, what, reason))
    })
}
