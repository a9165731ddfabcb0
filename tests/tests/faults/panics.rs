//! Panics in the writer, around a store that is real.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use audit_core::batch::Batch;
use audit_core::migrate;
use audit_core::store::{BoxFuture, Connection, Landed, PostgresStore, Schema, Store, StoreError};
use chrono::{DateTime, Utc};
use tests::postgres::server;

use crate::support::{Load, builder, until};

/// When to panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Connecting,
    Landing,
    /// The batch is committed, and the writer never learns of it.
    Landed,
}

/// A log in PostgreSQL whose connections panic when they are told to.
#[derive(Debug)]
struct Panicking {
    store: PostgresStore,
    told: Arc<Told>,
}

/// The moments to panic at, one after the other.
#[derive(Debug, Default)]
struct Told(Mutex<VecDeque<Moment>>);

impl Told {
    fn moments(&self) -> MutexGuard<'_, VecDeque<Moment>> {
        self.0.lock().expect("nobody panics with the lock")
    }

    fn panic_if_told(&self, now: Moment) {
        let is_told = self.moments().pop_front_if(|moment| *moment == now).is_some();
        assert!(!is_told, "told to panic");
    }
}

struct PanickingConnection {
    connection: Box<dyn Connection>,
    told: Arc<Told>,
}

impl Store for Panicking {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, StoreError>> {
        Box::pin(async {
            self.told.panic_if_told(Moment::Connecting);
            let (connection, told) = (self.store.connect().await?, Arc::clone(&self.told));
            Ok(Box::new(PanickingConnection { connection, told }) as Box<dyn Connection>)
        })
    }

    fn migrate(&self) -> BoxFuture<'_, Result<migrate::Report, migrate::Error>> {
        self.store.migrate()
    }
}

impl Connection for PanickingConnection {
    fn land<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Landed, StoreError>> {
        Box::pin(async {
            self.told.panic_if_told(Moment::Landing);
            let landed = self.connection.land(batch).await;
            self.told.panic_if_told(Moment::Landed);
            landed
        })
    }

    fn prepare(&mut self, now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.connection.prepare(now)
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.connection.close()
    }
}

/// Fault 24: a panic in the writer restarts it, and costs and doubles nothing that it held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_the_writer_costs_no_entry_and_doubles_none() {
    let database = server().database().await;
    let store = PostgresStore::new(&database.url(), &Schema::default()).expect("a good URL");
    let told = Arc::new(Told::default());
    let store = Panicking { store, told: Arc::clone(&told) };
    let load = Load::start(builder(&database.url()).store(Arc::new(store))).await;
    load.stores(200).await;
    // Whoever has panicked has to connect anew.
    for moments in
        [[Moment::Landing, Moment::Connecting], [Moment::Landed, Moment::Landing], [Moment::Landed, Moment::Landed]]
    {
        told.moments().extend(moments);
        until("panics", || told.moments().is_empty()).await;
        load.stores(200).await;
    }
    load.judged(&database.url()).await;
}
