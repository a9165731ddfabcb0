//! A store that takes everything at once, so that what is measured is ours.

use audit_core::batch::Batch;
use audit_core::migrate;
use audit_core::store::{BoxFuture, Connection, Landed, Store, StoreError};
use chrono::{DateTime, Utc};

/// A store that takes everything at once and keeps nothing.
#[derive(Debug)]
pub struct MemoryStore;

impl Store for MemoryStore {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, StoreError>> {
        let connection: Box<dyn Connection> = Box::new(Self);
        Box::pin(async { Ok(connection) })
    }

    fn migrate(&self) -> BoxFuture<'_, Result<migrate::Report, migrate::Error>> {
        Box::pin(async { Ok(migrate::Report::default()) })
    }
}

impl Connection for MemoryStore {
    fn land<'a>(&'a mut self, _: &'a Batch) -> BoxFuture<'a, Result<Landed, StoreError>> {
        Box::pin(async { Ok(Landed::Stored { dead_lettered: 0 }) })
    }

    fn prepare(&mut self, _: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}
