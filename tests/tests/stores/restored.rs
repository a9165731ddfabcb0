//! Copies that PostgreSQL's own tools make of a log.

use audit_core::batch::Freezer;
use audit_core::signing::SigningKey;
use audit_core::verify::{Break, Report, SavedCheckpoint};
use tests::postgres::server;
use tests::samples;

use crate::log::{Log, Place};
use crate::sealed::{key, trusting, verifier, with_batches};

async fn look(log: &Log, key: &SigningKey, saved: Option<&SavedCheckpoint>) -> Report {
    let verifier = verifier(log).trusting(trusting(key));
    let verifier = if let Some(saved) = saved { verifier.against(saved.clone()) } else { verifier };
    verifier.run(|_| ()).await.unwrap()
}

#[tokio::test]
async fn a_log_that_was_dumped_and_restored_is_intact_and_goes_on() {
    let key = key("log");
    let log = Log::postgres().await;
    let batches = with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    let before = look(&log, &key, None).await;
    let saved = before.head.parse().unwrap();

    let elsewhere = server().database().await;
    elsewhere.restore_all(&log.database().unwrap().dump_all());
    let copy = Log::migrated(elsewhere.url(), Place::Postgres(elsewhere)).await;
    let after = look(&copy, &key, Some(&saved)).await;
    assert!(after.is_intact(), "{:?}", after.breaks);
    assert_eq!((after.entries, after.batches, after.head), (9, before.batches, before.head));

    // A batch whose acknowledgement came after the dump is there already, and others come behind it.
    let mut connection = copy.store.connect().await.unwrap();
    connection.land(&batches[2]).await.unwrap();
    connection.close().await;
    copy.land(&samples::batch(&mut Freezer::new(), 2)).await;
    copy.seal(Some(&key)).await;
    let after = look(&copy, &key, Some(&saved)).await;
    assert!(after.is_intact(), "{:?}", after.breaks);
    assert_eq!((after.entries, after.sealed_batches), (11, 4));
}

#[tokio::test]
async fn yesterdays_dump_over_the_log_of_today_is_found_by_whoever_kept_a_checkpoint() {
    let key = key("log");
    let log = Log::postgres().await;
    with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    let yesterday = log.database().unwrap().dump_all();
    with_batches(&log, None).await;
    log.seal(Some(&key)).await;
    let saved = look(&log, &key, None).await.head.parse().unwrap();

    let database = log.database().unwrap();
    database.execute("DROP SCHEMA control_plane CASCADE").await;
    database.restore_all(&yesterday);
    assert!(look(&log, &key, None).await.is_intact(), "nothing in it tells");
    let breaks = look(&log, &key, Some(&saved)).await.breaks;
    assert_eq!(breaks, [Break::Truncated { size: 6, leaves: 3 }]);
    assert!(breaks[0].to_string().contains("an older copy put in its place"), "{}", breaks[0]);
}
