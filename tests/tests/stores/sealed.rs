//! Logs to be sealed, and looked at with keys.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use audit_core::batch::{Batch, Freezer};
use audit_core::signing::{Signer, SigningKey, TrustedKeys};
use audit_core::store::Schema;
use audit_core::verify::{Report, Verifier};
use audit_core::{ActionName, Entry};
use tests::samples;

use crate::log::Log;

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::generate(name).unwrap()
}

/// Two streams, of two batches and of one.
pub(crate) async fn with_batches(log: &Log, signer: Option<&SigningKey>) -> Vec<Batch> {
    let signer = signer.map(|key| Arc::new(key.clone()) as Arc<dyn Signer>);
    let mut first = Freezer::new().signed_by(signer.clone());
    let mut second = Freezer::new().signed_by(signer);
    let batches = vec![samples::batch(&mut first, 3), samples::batch(&mut first, 2), samples::batch(&mut second, 4)];
    for batch in &batches {
        log.land(batch).await;
    }
    batches
}

pub(crate) fn verifier(log: &Log) -> Verifier<'_> {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::default);
    Verifier::new(&log.url, &SCHEMA)
}

pub(crate) async fn look(log: &Log) -> Report {
    verifier(log).run(|_| ()).await.unwrap()
}

pub(crate) fn trusting(log: &SigningKey) -> TrustedKeys {
    format!("log {}", log.verifying_key()).parse().unwrap()
}

pub(crate) fn trusting_writer(writer: &SigningKey) -> TrustedKeys {
    format!("writer {}", writer.verifying_key()).parse().unwrap()
}

/// Of a batch, as SQL names it.
pub(crate) fn of(log: &Log, batch: &Batch) -> String {
    let simple = batch.header().stream_id.simple();
    let stream = if log.is_postgres() { format!("'{simple}'") } else { format!("x'{simple}'") };
    format!("stream_id = {stream} AND batch_no = {}", batch.header().batch_no)
}

pub(crate) fn rows_of(log: &Log, batch: &Batch) -> String {
    let simple = batch.header().stream_id.simple();
    let stream = if log.is_postgres() { format!("'{simple}'") } else { format!("x'{simple}'") };
    let (first, n) = (batch.header().first_seq, i64::from(batch.header().n));
    format!("stream_id = {stream} AND seq >= {first} AND seq < {}", first + n)
}

pub(crate) fn bytes(log: &Log, hexadecimal: &str) -> String {
    if log.is_postgres() { format!("decode('{hexadecimal}', 'hex')") } else { format!("x'{hexadecimal}'") }
}

pub(crate) async fn both(log: &Log, sql: &str) {
    log.tamper(sql, sql).await;
}

pub(crate) fn old_entry(age: Duration) -> Entry {
    Entry::builder(ActionName::unlisted("door.opened").unwrap()).created_at(SystemTime::now() - age).build()
}
