//! A writer's thread runs code of the application, which may record, and never waits for ever.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use audit_core::batch::Batch;
use audit_core::migrate;
use audit_core::store::{BoxFuture, Connection, Landed, Store, StoreError};
use audit_core::{ActionName, Actor, Auditor, Entry, Error};
use chrono::{DateTime, Utc};
use tests::scripted::ScriptedStore;

const SOON: Duration = Duration::from_secs(20);
const QUEUE: usize = 8;

fn entry() -> Entry {
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    Entry::builder(action).target_id("door_7").actor(Actor::user("user_123")).build()
}

/// A store that records what it does, the first time it does something.
#[derive(Debug, Clone, Default)]
struct Talkative {
    store: ScriptedStore,
    auditor: Arc<OnceLock<Auditor>>,
    answers: Arc<Mutex<Vec<Error>>>,
}

impl Talkative {
    fn talk(&self) {
        let mut answers = self.answers.lock().expect("nobody panics with it");
        let Some(auditor) = self.auditor.get().filter(|_| answers.is_empty()) else { return };
        answers.extend(auditor.record(entry()).durable().blocking().err());
        answers.extend(auditor.attempt_blocking(entry()).err());
        let full = (0..=QUEUE).find_map(|_| auditor.record_blocking(entry()).err());
        answers.extend(full);
    }
}

impl Store for Talkative {
    fn describe(&self) -> String {
        "talkative store".to_owned()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, StoreError>> {
        Box::pin(async {
            let connection = self.store.connect().await?;
            Ok(Box::new(Talking { connection, store: self.clone() }) as Box<dyn Connection>)
        })
    }

    fn migrate(&self) -> BoxFuture<'_, Result<migrate::Report, migrate::Error>> {
        self.store.migrate()
    }
}

struct Talking {
    connection: Box<dyn Connection>,
    store: Talkative,
}

impl Connection for Talking {
    fn land<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Landed, StoreError>> {
        self.store.talk();
        self.connection.land(batch)
    }

    fn prepare(&mut self, now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.connection.prepare(now)
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.connection.close()
    }
}

#[tokio::test]
async fn code_on_the_writers_own_thread_records_and_never_waits() {
    let store = Talkative::default();
    let builder = Auditor::builder().store(Arc::new(store.clone())).lanes(1).queue_entries(QUEUE);
    let writer = builder.start().await.expect("the writer starts");
    store.auditor.set(writer.auditor().clone()).expect("it is set once");
    let durable = tokio::time::timeout(SOON, writer.auditor().record(entry()).durable()).await;
    if durable.is_err() {
        // Its shutdown would wait for ever, too.
        std::mem::forget(writer);
        panic!("the writer's thread is parked");
    }
    durable.expect("checked").expect("the store takes it");
    let answers = std::mem::take(&mut *store.answers.lock().expect("nobody panics with it"));
    assert!(
        matches!(&answers[..], [Error::OwnThread { .. }, Error::OwnThread { .. }, Error::Dropped { .. }]),
        "{answers:?}"
    );
    let report = writer.shutdown(SOON).await;
    assert!(report.stats.is_balanced(), "{:?}", report.stats);
    assert_eq!(report.lost, 0);
}
