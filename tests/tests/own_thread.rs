//! A writer's threads run code of the application, which may record, and never waits for ever.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use audit_core::batch::Batch;
use audit_core::migrate;
use audit_core::signing::{SignError, Signature, Signer, SigningKey, VerifyingKey};
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
    /// Waits until it has talked; in vain, if that waits for whoever talks.
    async fn answers(&self) -> Vec<Error> {
        let deadline = Instant::now() + SOON;
        loop {
            let answers = std::mem::take(&mut *self.answers.lock().expect("nobody panics with it"));
            if !answers.is_empty() {
                return answers;
            }
            assert!(Instant::now() < deadline, "it waits for itself");
            tokio::task::yield_now().await;
        }
    }

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

/// A key that records what it does, the first time it does something.
#[derive(Debug)]
struct TalkativeKey {
    key: SigningKey,
    store: Talkative,
}

impl Signer for TalkativeKey {
    fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        self.store.talk();
        self.key.sign(message)
    }
}

#[tokio::test]
async fn a_key_that_signs_beside_the_writer_records_and_never_waits() {
    let talkative = Talkative::default();
    let signer = TalkativeKey { key: SigningKey::generate("writer").expect("a name"), store: talkative.clone() };
    let store = talkative.store.clone();
    let builder = Auditor::builder().store(Arc::new(store.clone())).lanes(1).batch_rows(1).queue_entries(QUEUE);
    let writer = builder.signer(signer).start().await.expect("the writer starts");
    writer.auditor().record(entry()).durable().await.expect("the store takes it");
    store.shut();
    writer.auditor().record(entry()).await.expect("there is room");
    let deadline = Instant::now() + SOON;
    while store.waiting() == 0 {
        assert!(Instant::now() < deadline, "nobody sends it");
        tokio::task::yield_now().await;
    }
    talkative.auditor.set(writer.auditor().clone()).expect("it is set once");
    writer.auditor().record(entry()).await.expect("there is room");
    let answers = talkative.answers().await;
    assert!(
        matches!(&answers[..], [Error::OwnThread { .. }, Error::OwnThread { .. }, Error::Dropped { .. }]),
        "{answers:?}"
    );
    store.open();
    assert_eq!(writer.shutdown(SOON).await.lost, 0);
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
