//! One stream: takes entries, freezes them, and lands each batch before it takes more.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::{DateTime, Utc};

use super::queue::Queue;
use crate::batch::{Batch, Freezer};
use crate::store::{Connection, ErrorClass, Landed, SharedStore, StoreError};

/// The first pause after a failure; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How often the store makes room ahead of time.
const PREPARE_EVERY: Duration = Duration::from_hours(1);
/// How long saying good-bye may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// How a lane deals with its store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// Longest wait for a connection, and for the answer to one batch.
    pub(crate) timeout: Duration,
    /// Longest pause between two attempts.
    pub(crate) longest_pause: Duration,
}

/// Writes one stream until the queue is drained.
pub(crate) async fn run(index: usize, queue: Arc<Queue>, store: SharedStore, delivery: Delivery) {
    let mut session = Session { store, delivery, connection: None, prepare_at: Instant::now() };
    let mut freezer = Freezer::new();
    tracing::debug!(stream_id = %freezer.stream_id(), store = session.store.describe(), "audit stream begins");
    while let Some(entries) = queue.take(index).await {
        let mut batch = freezer.freeze(entries, SystemTime::now());
        let mut pauses = Pauses::new(Arc::clone(&queue), delivery.longest_pause);
        let dead_lettered = loop {
            match session.land(&batch).await {
                Ok(Landed::Stored { dead_lettered } | Landed::AlreadyStored { dead_lettered }) => break dead_lettered,
                Ok(Landed::Squatted) => batch = begin_again(&mut freezer, batch),
                Err(error) => {
                    report(&error, &batch);
                    queue.failed(&error);
                    if error.class() == ErrorClass::OutOfWindow {
                        batch = bring_into_window(&mut freezer, batch);
                    }
                    pauses.wait().await;
                }
            }
        };
        queue.landed(index, dead_lettered);
    }
    session.close().await;
}

/// A forked process, a cloned machine or a squatter writes this stream, too: the entries move to a new one.
fn begin_again(freezer: &mut Freezer, batch: Batch) -> Batch {
    let abandoned = freezer.stream_id();
    *freezer = Freezer::new();
    tracing::error!(
        stream_id = %abandoned,
        batch_no = batch.header().batch_no,
        new_stream_id = %freezer.stream_id(),
        "another writer uses this audit stream; its entries move to a new stream. Find the other writer: a forked \
         process or a cloned machine"
    );
    freezer.refreeze(batch, SystemTime::now())
}

/// No partition takes rows of these times: they were frozen by a clock that was far off, or have waited for very long.
/// Nothing of the batch was sent, so its entries can be frozen again, in a new stream.
fn bring_into_window(freezer: &mut Freezer, batch: Batch) -> Batch {
    *freezer = Freezer::new();
    freezer.refreeze(batch, SystemTime::now())
}

fn report(error: &StoreError, batch: &Batch) {
    let header = batch.header();
    match error.class() {
        ErrorClass::Transient => tracing::warn!(
            stream_id = %header.stream_id, batch_no = header.batch_no, rows = header.n, %error,
            "audit store unavailable; the batch waits in memory and is sent again"
        ),
        ErrorClass::Poison | ErrorClass::Operator | ErrorClass::OutOfWindow => tracing::error!(
            stream_id = %header.stream_id, batch_no = header.batch_no, rows = header.n, %error,
            "audit store refuses a batch; it is held in memory and sent again. `audit doctor` tells what to do"
        ),
    }
}

/// Ever longer pauses with jitter, without end.
pub(super) fn pauses(longest: Duration) -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE.min(longest))
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter()
        .build()
        .map(move |pause| pause.min(longest))
}

/// The pauses between the attempts at one batch. The end of the queue cuts one of them short: the store may be back, and
/// there may be little time left.
struct Pauses<P> {
    queue: Arc<Queue>,
    lengths: P,
    cut_short: bool,
}

impl Pauses<()> {
    fn new(queue: Arc<Queue>, longest: Duration) -> Pauses<impl Iterator<Item = Duration>> {
        Pauses { queue, lengths: pauses(longest), cut_short: false }
    }
}

impl<P: Iterator<Item = Duration>> Pauses<P> {
    async fn wait(&mut self) {
        let pause = tokio::time::sleep(self.lengths.next().unwrap_or_default());
        if self.cut_short {
            return pause.await;
        }
        tokio::select! {
            () = pause => {}
            () = self.queue.draining() => self.cut_short = true,
        }
    }
}

/// The lane's connection, if there is one.
struct Session {
    store: SharedStore,
    delivery: Delivery,
    connection: Option<Box<dyn Connection>>,
    prepare_at: Instant,
}

impl Session {
    /// One attempt. A connection that failed, or did not answer in time, is dropped, never used again: what
    /// it still does is unknown, and the next attempt finds out by the batch's header.
    async fn land(&mut self, batch: &Batch) -> Result<Landed, StoreError> {
        let (store, timeout) = (&self.store, self.delivery.timeout);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => within(timeout, store, "connecting", store.connect()).await?,
        };
        if self.prepare_at <= Instant::now() {
            self.prepare_at = Instant::now() + PREPARE_EVERY;
            let now: DateTime<Utc> = SystemTime::now().into();
            if let Err(error) = within(timeout, store, "preparing", connection.prepare(now)).await {
                tracing::warn!(%error, "audit store could not make room ahead of time");
                connection = within(timeout, store, "connecting", store.connect()).await?;
            }
        }
        let landed = within(timeout, store, "storing a batch", connection.land(batch)).await?;
        self.connection = Some(connection);
        Ok(landed)
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            // Everything is stored; a server that does not answer now finds out by itself.
            let _ = tokio::time::timeout(CLOSE_WITHIN, connection.close()).await;
        }
    }
}

async fn within<T>(
    timeout: Duration,
    store: &SharedStore,
    what: &str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
        let reason = format!("{} did not answer within {timeout:?}", store.describe());
        Err(StoreError::new(ErrorClass::Transient, what, reason))
    })
}
