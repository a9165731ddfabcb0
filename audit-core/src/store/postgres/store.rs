//! A log's address in PostgreSQL.

use std::sync::{Arc, Mutex, PoisonError};

use super::address::{self, Address};
use super::connection::PostgresConnection;
use super::session::{self, APPLICATION, Backend};
use crate::migrate;
use crate::store::dead_letter::LastBatch;
use crate::store::{BoxFuture, Connection, Schema, Store, StoreError};

/// A service that starts may not be kept waiting, nor those that are writing, by a migration that reads a larger log than
/// this: indexes over so much are built in some five seconds.
const LARGEST_LOG_AT_A_START: u64 = 512 * 1024 * 1024;

/// A log in PostgreSQL, 15 or later.
///
/// A URL without a password takes it from the file that `PGPASSFILE` names, or `~/.pgpass`, and looks there again at each new
/// connection: a changed password needs no restart.
///
/// # Examples
///
/// ```no_run
/// use audit_core::store::{PostgresStore, Schema, Store as _};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::new("postgres://localhost/app", &Schema::default())?;
/// store.migrate().await?;
/// let mut connection = store.connect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PostgresStore {
    server: Address,
    schema: Schema,
    pooler: bool,
    left: Left,
    last: LastBatch,
}

/// Server processes whose connections were dropped without a good-bye. They may still hold a batch's locks, on a
/// connection that has gone silent, so the next connection begins with their end.
#[derive(Debug, Clone, Default)]
pub(super) struct Left(Arc<Mutex<Vec<Backend>>>);

impl Left {
    /// More than this many are not remembered: keepalives end the others.
    const CAPACITY: usize = 16;

    pub(super) fn add(&self, backends: impl IntoIterator<Item = Backend>) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.extend(backends);
        let excess = left.len().saturating_sub(Self::CAPACITY);
        left.drain(..excess);
    }

    fn take(&self) -> Vec<Backend> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PostgresStore {
    /// The log in a schema of the database at a URL. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// When the URL cannot be read.
    pub fn new(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        Ok(Self {
            server: address::parse(url)?,
            schema: schema.clone(),
            pooler: false,
            left: Left::default(),
            last: LastBatch::default(),
        })
    }

    /// Adds the service's name to the `application_name` that administrators see, unless the URL sets one.
    #[must_use]
    pub fn with_service_name(mut self, name: &str) -> Self {
        if !name.is_empty() {
            self.server = self.server.named(&format!("{APPLICATION} {name}"));
        }
        self
    }

    /// Says that a pooler in transaction mode stands before the server. Most are found out without it: see
    /// [`Builder::pooler`](crate::Builder::pooler).
    #[must_use]
    pub const fn with_pooler(mut self, pooler: bool) -> Self {
        self.pooler = pooler;
        self
    }

    pub(crate) async fn open(&self) -> Result<PostgresConnection, StoreError> {
        let mut session = session::connect(&self.server.reread(), self.pooler).await?;
        let left = self.left.take();
        if !left.is_empty()
            && let Err(error) = session.terminate(&left).await
        {
            tracing::warn!(%error, "cannot end the server processes of earlier connections");
            self.left.add(left);
        }
        Ok(PostgresConnection::new(session, &self.schema, self.left.clone(), self.last.clone()))
    }
}

impl Store for PostgresStore {
    fn describe(&self) -> String {
        address::describe(&self.server)
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, StoreError>> {
        Box::pin(async move { Ok(Box::new(self.open().await?) as Box<dyn Connection>) })
    }

    /// While one lane freezes, the server works for the other. More than two gain nothing on two cores (measured).
    fn lanes(&self) -> usize {
        std::thread::available_parallelism().map_or(1, |cores| cores.get().min(2))
    }

    fn migrate(&self) -> BoxFuture<'_, Result<migrate::Report, migrate::Error>> {
        let options = migrate::Options::new().with_schema(self.schema.clone()).with_largest_log(LARGEST_LOG_AT_A_START);
        Box::pin(async move { migrate::migrate_postgres(&self.server, &options).await })
    }
}
