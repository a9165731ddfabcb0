//! A connection to the store, made anew whenever it failed.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::breaker::Breaker;
use super::condition::{Condition, Part};
use super::pauses::Pauses;
use super::queue::Queue;
use super::sync;
use crate::batch::Batch;
use crate::signing::Signer;
use crate::store::{Connection, ErrorClass, Landed, SharedStore, StoreError};

/// How often the store makes room ahead of time.
const PREPARE_EVERY: Duration = Duration::from_hours(1);
/// How long saying good-bye may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// How batches are brought to the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// Longest wait for a connection, and for the answer to one batch.
    pub(crate) timeout: Duration,
    /// Longest pause between two attempts.
    pub(crate) longest_pause: Duration,
    /// How old an entry becomes in memory alone while there is a journal.
    pub(crate) spill_after: Duration,
    /// How long a stream is silent before a header without rows says that it goes on; for ever, if there is none.
    pub(crate) heartbeat: Option<Duration>,
}

/// What all who land batches share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) queue: Arc<Queue>,
    pub(super) store: SharedStore,
    pub(super) breaker: Arc<Breaker>,
    pub(super) condition: Arc<Condition>,
    pub(super) delivery: Delivery,
    /// Who signs batches, if anybody does.
    pub(super) signer: Option<Arc<dyn Signer>>,
}

/// A connection, if there is one.
pub(super) struct Session {
    shared: Shared,
    connection: Option<Box<dyn Connection>>,
    prepare_at: Instant,
}

impl Session {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared, connection: None, prepare_at: Instant::now() }
    }

    /// One attempt. A connection that failed, or did not answer in time, is dropped, never used again: what
    /// it still does is unknown, and the next attempt finds out by the batch's header.
    ///
    /// Waits for as long as the store is away.
    pub(super) async fn land(&mut self, batch: &Batch) -> Result<Landed, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.shared.connect().await,
        };
        if self.prepare_at <= Instant::now() {
            self.prepare_at = Instant::now() + PREPARE_EVERY;
            let room = connection.prepare(SystemTime::now().into());
            if let Err(error) = self.shared.within("preparing", room).await {
                tracing::warn!(%error, "audit store could not make room ahead of time");
                connection = self.shared.connect().await;
            }
        }
        let landed = self.shared.within("storing a batch", connection.land(batch)).await?;
        self.connection = Some(connection);
        Ok(landed)
    }

    pub(super) async fn close(self) {
        if let Some(connection) = self.connection {
            // Everything is stored; a server that does not answer now finds out by itself.
            let _ = sync::within(CLOSE_WITHIN, connection.close()).await;
        }
    }
}

impl Shared {
    /// Connects, for as long as it takes. While the store is away, one of all who wait for it tries.
    async fn connect(&self) -> Box<dyn Connection> {
        let Self { queue, store, breaker, condition, delivery, .. } = self;
        let mut pauses = Pauses::new(queue, delivery.longest_pause);
        loop {
            let probe = breaker.probe().await;
            if probe.is_some() {
                pauses.wait().await;
            }
            match self.within("connecting", store.connect()).await {
                Ok(connection) => {
                    if let Some(probe) = probe {
                        probe.succeeded();
                    }
                    return connection;
                }
                Err(error) => {
                    breaker.open();
                    condition.failed(Part::Store, &store.describe(), &error);
                    queue.failed(&error);
                }
            }
        }
    }

    async fn within<T>(&self, what: &str, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let timeout = self.delivery.timeout;
        sync::within(timeout, work).await.unwrap_or_else(|| {
            let reason = format!("{} did not answer within {timeout:?}", self.store.describe());
            Err(StoreError::new(ErrorClass::Transient, what, reason))
        })
    }
}
