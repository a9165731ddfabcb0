//! One entry, proved without the log.

use audit_core::batch::{Batch, Freezer};
use audit_core::signing::{Signer as _, TrustedKeys};
use audit_core::store::Schema;
use audit_core::verify::{Proof, ProofError, ProveError, prove};
use serde_json::{Value, json};
use tests::samples;
use uuid::Uuid;

use crate::log::{Log, for_both_stores};
use crate::sealed::{key, trusting, with_batches};

for_both_stores! {
    an_entry_can_be_proved_without_the_log
    there_is_no_proof_of_what_is_not_there_or_not_covered
}

async fn an_entry_can_be_proved_without_the_log(log: Log) {
    let (ours, billing) = (key("log"), key("billing"));
    let batches = with_batches(&log, Some(&billing)).await;
    log.seal(Some(&ours)).await;
    let keys: TrustedKeys =
        format!("log {}\nwriter {}", ours.verifying_key(), billing.verifying_key()).parse().unwrap();
    for row in batches.iter().flat_map(Batch::rows) {
        let proof = prove(&log.url, &Schema::default(), row.row.id).await.unwrap();
        let text = serde_json::to_string(&proof).unwrap();
        let proof: Proof = serde_json::from_str(&text).unwrap();
        let proved = proof.check(&keys).unwrap();
        assert_eq!((proved.id, proved.checkpoint.size), (row.row.id, 3));
        assert_eq!(proved.writer, Some(billing.verifying_key().id()));
    }
    let row = &batches[0].rows()[1].row;
    let proof = serde_json::to_value(prove(&log.url, &Schema::default(), row.id).await.unwrap()).unwrap();
    let check = |proof: &Value, keys: &TrustedKeys| serde_json::from_value::<Proof>(proof.clone()).unwrap().check(keys);
    assert!(check(&proof, &keys).is_ok());
    assert!(matches!(check(&proof, &trusting(&key("log"))), Err(ProofError::Untrusted { .. })));
    assert!(matches!(check(&proof, &TrustedKeys::default()), Err(ProofError::Untrusted { .. })));
    let stranger = format!("log {}\nwriter {}", ours.verifying_key(), key("billing").verifying_key()).parse().unwrap();
    assert_eq!(check(&proof, &stranger), Err(ProofError::Unsigned));

    // Whatever is changed of it, it proves nothing any more.
    let mut places = Vec::new();
    leaves(&proof, String::new(), &mut places);
    assert!(places.len() > 20, "{places:?}");
    for place in places.iter().filter(|place| !place.starts_with("/checkpoint")) {
        let mut changed = proof.clone();
        let value = changed.pointer_mut(place).unwrap();
        *value = match value.clone() {
            Value::String(text) if text.contains(':') => json!("2020-02-02T02:02:02Z"),
            Value::String(text) if text.len() == 36 => json!("0192a3b4-c5d6-7e8f-90a1-b2c3d4e5f607"),
            Value::String(text) => json!(flipped(&text)),
            Value::Number(number) => json!(number.as_i64().unwrap() + 1),
            Value::Bool(is_so) => json!(!is_so),
            Value::Null => continue,
            Value::Array(_) | Value::Object(_) => unreachable!("{place} holds others"),
        };
        let checked = serde_json::from_value::<Proof>(changed).map(|proof| proof.check(&keys));
        assert!(!matches!(checked, Ok(Ok(_))), "{place} was changed");
    }
}

/// Pointers to everything in a document that holds nothing else.
fn leaves(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| leaves(value, format!("{place}/{key}"), places)),
        Value::Array(values) => (0..).zip(values).for_each(|(n, value)| leaves(value, format!("{place}/{n}"), places)),
        _ => places.push(place),
    }
}

/// A text with another last letter.
fn flipped(text: &str) -> String {
    let mut text = text.to_owned();
    let last = text.pop();
    text.push(if last == Some('a') { 'b' } else { 'a' });
    text
}

async fn there_is_no_proof_of_what_is_not_there_or_not_covered(log: Log) {
    let batches = with_batches(&log, None).await;
    let id = batches[0].rows()[0].row.id;
    let error = prove(&log.url, &Schema::default(), id).await.unwrap_err();
    assert!(matches!(error, ProveError::NotCovered { leaf: None, .. }), "{error}");
    log.seal(None).await;
    let error = prove(&log.url, &Schema::default(), id).await.unwrap_err();
    assert!(matches!(error, ProveError::NotCovered { leaf: Some(_), .. }), "{error}");
    log.seal(Some(&key("log"))).await;
    prove(&log.url, &Schema::default(), id).await.unwrap();
    let later = samples::batch(&mut Freezer::new(), 1);
    log.land(&later).await;
    let error = prove(&log.url, &Schema::default(), later.rows()[0].row.id).await.unwrap_err();
    assert!(matches!(error, ProveError::NotCovered { .. }), "{error}");
    let error = prove(&log.url, &Schema::default(), Uuid::nil()).await.unwrap_err();
    assert!(matches!(error, ProveError::NoEntry { .. }), "{error}");
    // What was changed is told as that, sealed or not.
    let change = "UPDATE audit_logs SET outcome = 'denied'";
    log.tamper(change, change).await;
    for id in [id, later.rows()[0].row.id] {
        let error = prove(&log.url, &Schema::default(), id).await.unwrap_err();
        assert!(matches!(error, ProveError::Broken { what: "rows of its batch were changed", .. }), "{error}");
    }
}
