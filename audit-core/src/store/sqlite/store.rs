//! The store at a file.

use crate::migrate;
use crate::store::dead_letter::LastBatch;
use crate::store::{BoxFuture, Connection, Store, StoreError};

use super::connection::SqliteConnection;
use super::file::{Access, File};

/// A log in an SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    file: File,
    last: LastBatch,
}

impl SqliteStore {
    /// The store at `sqlite:PATH`. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// When the URL names no file, `sqlite::memory:` above all.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        Ok(Self { file: File::parse(url)?, last: LastBatch::default() })
    }
}

impl SqliteStore {
    pub(crate) async fn open(&self) -> Result<SqliteConnection, StoreError> {
        let connection = self.file.open(Access::Land).await?;
        Ok(SqliteConnection::new(connection, self.file.describe(), self.last.clone()))
    }
}

impl Store for SqliteStore {
    fn describe(&self) -> String {
        self.file.describe()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, StoreError>> {
        Box::pin(async { Ok(Box::new(self.open().await?) as Box<dyn Connection>) })
    }

    fn migrate(&self) -> BoxFuture<'_, Result<migrate::Report, migrate::Error>> {
        Box::pin(migrate::migrate_sqlite(&self.file))
    }
}
