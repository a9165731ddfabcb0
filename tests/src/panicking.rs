//! A store around another, whose steps panic when it is time.

use std::fmt;
use std::sync::Arc;

use audit_core::batch::Batch;
use audit_core::migrate;
use audit_core::store::{BoxFuture, Connection, Landed, SharedStore, Store, StoreError};
use chrono::{DateTime, Utc};

/// When the writer may panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The log is about to be brought up to date.
    Migrating,
    /// A connection is about to be made.
    Connecting,
    /// Room is about to be made.
    Preparing,
    /// A batch is about to be sent.
    Landing,
    /// The batch is committed, and the writer never learns of it.
    Landed,
}

/// Whether it is time to panic.
type IsTime = Arc<dyn Fn(Moment) -> bool + Send + Sync>;

/// A store whose steps panic when it is time.
#[derive(Clone)]
pub struct PanickingStore {
    store: SharedStore,
    is_time: IsTime,
}

struct PanickingConnection {
    connection: Box<dyn Connection>,
    is_time: IsTime,
}

impl PanickingStore {
    /// A store around another.
    pub fn around(store: SharedStore, is_time: impl Fn(Moment) -> bool + Send + Sync + 'static) -> Self {
        Self { store, is_time: Arc::new(is_time) }
    }
}

impl fmt::Debug for PanickingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PanickingStore").field(&self.store).finish()
    }
}

impl Store for PanickingStore {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, StoreError>> {
        Box::pin(async {
            panic_if(&self.is_time, Moment::Connecting);
            let (connection, is_time) = (self.store.connect().await?, Arc::clone(&self.is_time));
            Ok(Box::new(PanickingConnection { connection, is_time }) as Box<dyn Connection>)
        })
    }

    fn lanes(&self) -> usize {
        self.store.lanes()
    }

    fn migrate(&self) -> BoxFuture<'_, Result<migrate::Report, migrate::Error>> {
        Box::pin(async {
            panic_if(&self.is_time, Moment::Migrating);
            self.store.migrate().await
        })
    }
}

impl Connection for PanickingConnection {
    fn land<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Landed, StoreError>> {
        Box::pin(async {
            panic_if(&self.is_time, Moment::Landing);
            let landed = self.connection.land(batch).await;
            panic_if(&self.is_time, Moment::Landed);
            landed
        })
    }

    fn prepare(&mut self, now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            panic_if(&self.is_time, Moment::Preparing);
            self.connection.prepare(now).await
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.connection.close()
    }
}

/// Without a word to standard error, which would be many.
fn panic_if(is_time: &IsTime, now: Moment) {
    if is_time(now) {
        std::panic::resume_unwind(Box::new("told to panic"));
    }
}
