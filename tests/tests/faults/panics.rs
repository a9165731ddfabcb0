//! Panics in the writer, around a store that is real.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use audit_core::store::{Schema, open};
use tests::panicking::{Moment, PanickingStore};
use tests::postgres::server;

use crate::support::{Load, builder, until};

/// The moments to panic at, one after the other.
#[derive(Debug, Default)]
struct Told(Mutex<VecDeque<Moment>>);

impl Told {
    fn moments(&self) -> MutexGuard<'_, VecDeque<Moment>> {
        self.0.lock().expect("nobody panics with the lock")
    }

    fn is_time(&self, now: Moment) -> bool {
        self.moments().pop_front_if(|moment| *moment == now).is_some()
    }
}

/// Fault 24: a panic in the writer restarts it, and costs and doubles nothing that it held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_the_writer_costs_no_entry_and_doubles_none() {
    let database = server().database().await;
    let store = open(&database.url(), &Schema::default()).expect("a good URL");
    let told = Arc::new(Told::default());
    told.moments().push_back(Moment::Migrating);
    let asked = Arc::clone(&told);
    let store = PanickingStore::around(store, move |now| asked.is_time(now));
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
