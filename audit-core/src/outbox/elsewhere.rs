//! An outbox in another database than the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Claim, Cutter};
use crate::auditor::Migrate;
use crate::batch::Batch;
use crate::migrate::{self, Options, Part};
use crate::store::drain::{Claimed, Claims, Drain, Drained};
use crate::store::{BoxFuture, Connection, ErrorClass, Landed, Schema, SharedStore, StoreError, by_kind};
use crate::writer::Source;

/// How often to look for claims whose lease is over, as a part of the lease.
const LOOKS_PER_LEASE: u32 = 10;

/// The outbox at a URL, and the log somewhere else.
struct Elsewhere {
    place: Box<dyn Place>,
    url: String,
    options: Options,
    log: SharedStore,
    lease: Duration,
    /// Whether the outbox's table has still to be made.
    migrates: AtomicBool,
}

/// A database that holds an outbox.
trait Place: Send + Sync {
    fn describe(&self) -> String;
    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Claims>, StoreError>>;
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
macro_rules! place {
    ($store:ty) => {
        impl Place for $store {
            fn describe(&self) -> String {
                crate::store::Store::describe(self)
            }

            fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Claims>, StoreError>> {
                Box::pin(async { Ok(Box::new(self.open().await?) as Box<dyn Claims>) })
            }
        }
    };
}

#[cfg(feature = "postgres")]
place!(crate::store::PostgresStore);
#[cfg(feature = "sqlite")]
place!(crate::store::SqliteStore);

/// The outbox at a URL. Nothing is opened yet.
pub(crate) fn elsewhere(
    url: &str,
    schema: &Schema,
    log: SharedStore,
    lease: Duration,
    migrate: Migrate,
    pooler: bool,
) -> Result<Arc<dyn Source>, StoreError> {
    let place = open(url, schema, pooler)?;
    let options = Options::new().with_schema(schema.clone()).with_part(Part::Outbox);
    let migrates = AtomicBool::new(migrate == Migrate::Run);
    Ok(Arc::new(Elsewhere { place, url: url.to_owned(), options, log, lease, migrates }))
}

impl Elsewhere {
    async fn connect_both(&self) -> Result<Box<dyn Drain>, StoreError> {
        if self.migrates.load(Ordering::Relaxed) {
            match migrate::migrate(&self.url, &self.options).await {
                Ok(_) => self.migrates.store(false, Ordering::Relaxed),
                Err(error) if error.is_transient() => {
                    let action = format!("cannot make the outbox in {}", self.describe());
                    return Err(StoreError::new(ErrorClass::Transient, action, error.to_string()));
                }
                Err(error) => {
                    // Where it was made with a log, or by somebody else, it may serve all the same.
                    self.migrates.store(false, Ordering::Relaxed);
                    tracing::warn!(%error, place = self.describe(), "cannot make the audit outbox");
                }
            }
        }
        let claims = self.place.connect().await?;
        let log = self.log.connect().await?;
        Ok(Box::new(Moving { claims, log, lease: self.lease, look_at: Instant::now(), broken: None }))
    }
}

fn open(url: &str, schema: &Schema, pooler: bool) -> Result<Box<dyn Place>, StoreError> {
    by_kind!(url, (schema, pooler),
        postgres => Ok(Box::new(crate::store::PostgresStore::new(url, schema)?.with_pooler(pooler))),
        sqlite => Ok(Box::new(crate::store::SqliteStore::new(url)?)),
    )
}

impl Source for Elsewhere {
    fn describe(&self) -> String {
        self.place.describe()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Drain>, StoreError>> {
        Box::pin(self.connect_both())
    }
}

/// A connection to each.
struct Moving {
    claims: Box<dyn Claims>,
    log: Box<dyn Connection>,
    lease: Duration,
    /// When to look for claims whose lease is over.
    look_at: Instant,
    /// What went wrong after a batch had landed. It is told at the next turn.
    broken: Option<StoreError>,
}

/// Whose batch it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claimant {
    Oneself,
    /// Who has gone, and may have landed it.
    Another,
}

impl Moving {
    async fn turn(&mut self, cutter: &mut Cutter) -> Result<Drained, StoreError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        if cutter.asks() {
            let (stream_id, batch_no) = cutter.place();
            if let Some(claim) = self.claims.find(stream_id, batch_no).await? {
                match claim.batch() {
                    Ok(batch) => return self.land(cutter, &batch, Claimant::Oneself).await,
                    // After its lease it is looked at again; everything else must not wait for it.
                    Err(error) => tracing::error!(%error, "a claim of audit_outbox is left as it is"),
                }
            }
            // Or the claim was not committed, or is not yet. In a stream of its own, whoever finds it lands it.
            cutter.begin_anew();
        }
        if self.look_at <= Instant::now() {
            if let Some(claim) = self.claims.take_over(self.lease).await? {
                return self.adopt(cutter, claim).await;
            }
            self.look_at = Instant::now() + self.lease / LOOKS_PER_LEASE;
        }
        match self.claims.claim(cutter).await? {
            Claimed::Nothing => Ok(Drained::Nothing),
            Claimed::NotAllowed => Ok(Drained::NotAllowed),
            Claimed::Batch => {
                let Some(batch) = cutter.batch().cloned() else { return Ok(Drained::Nothing) };
                self.land(cutter, &batch, Claimant::Oneself).await
            }
        }
    }

    async fn adopt(&mut self, cutter: &mut Cutter, claim: Claim) -> Result<Drained, StoreError> {
        let batch = claim.batch()?;
        tracing::warn!(
            stream_id = %batch.header().stream_id, batch_no = batch.header().batch_no,
            "a claim of audit_outbox is older than its lease; it is landed now"
        );
        self.land(cutter, &batch, Claimant::Another).await
    }

    async fn land(&mut self, cutter: &mut Cutter, batch: &Batch, claimant: Claimant) -> Result<Drained, StoreError> {
        let (dead_lettered, counts) = match self.log.land(batch).await {
            Ok(Landed::Stored { dead_lettered }) => (dead_lettered, true),
            // One's own attempt, whose answer was lost, is counted; another's is the other's to count.
            Ok(Landed::AlreadyStored { dead_lettered }) => (dead_lettered, claimant == Claimant::Oneself),
            Ok(Landed::Squatted | Landed::NotLost { .. }) => return self.begin_again(cutter, batch, claimant).await,
            Err(error) if error.class() == ErrorClass::OutOfWindow => {
                tracing::error!(%error, "a claimed batch can never land; its entries are claimed anew");
                return self.begin_again(cutter, batch, claimant).await;
            }
            Err(error) => return Err(error),
        };
        if claimant == Claimant::Oneself {
            cutter.moved(batch);
        }
        if let Err(error) = self.claims.remove(batch).await {
            // It has landed. Whoever finds the claim after its lease removes it.
            self.broken = Some(error);
        }
        let entries = if counts { batch.rows().len() as u64 } else { 0 };
        Ok(Drained::Moved { entries, dead_lettered: if counts { dead_lettered } else { 0 } })
    }

    async fn begin_again(
        &mut self,
        cutter: &mut Cutter,
        batch: &Batch,
        claimant: Claimant,
    ) -> Result<Drained, StoreError> {
        self.claims.release(batch).await?;
        if claimant == Claimant::Oneself {
            cutter.begin_anew();
        }
        Ok(Drained::BegunAgain)
    }
}

impl Drain for Moving {
    fn drain<'a>(&'a mut self, cutter: &'a mut Cutter) -> BoxFuture<'a, Result<Drained, StoreError>> {
        Box::pin(self.turn(cutter))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {
            self.claims.close().await;
            self.log.close().await;
        })
    }
}
