//! What verifying says of streams that were not closed.

use std::time::Duration;

use audit_core::seal::Seal;
use audit_core::store::Schema;
use audit_core::verify::{Break, Report, verify};
use audit_core::{Auditor, Migrate};
use tests::samples;

use crate::log::{Log, for_both_stores};

for_both_stores! {
    a_stream_that_was_neither_closed_nor_heard_of_is_told_of_and_is_no_break
    a_header_that_stands_where_its_kind_cannot_is_found
}

/// A stream of one entry, opened and closed and not sealed, from two hours ago.
async fn with_stream(log: &Log) {
    let builder = Auditor::builder().url(&log.url).migrate(Migrate::Skip).lanes(1).seal(Seal::Leave);
    let writer = builder.start().await.unwrap();
    writer.auditor().record(samples::entry()).await.unwrap();
    assert_eq!(writer.shutdown(Duration::from_secs(10)).await.lost, 0);
    log.tamper(
        "UPDATE audit_batches SET db_time = db_time - interval '2 hours'; \
         UPDATE audit_logs SET recorded_at = recorded_at - interval '2 hours'",
        "UPDATE audit_batches SET db_time = db_time - 7200000000; UPDATE audit_logs SET recorded_at = recorded_at - 7200000000",
    )
    .await;
}

async fn look(log: &Log) -> Report {
    verify(&log.url, &Schema::default(), |_| ()).await.unwrap()
}

async fn a_stream_that_was_neither_closed_nor_heard_of_is_told_of_and_is_no_break(log: Log) {
    with_stream(&log).await;
    let report = look(&log).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.batches, report.silent_streams), (3, 0), "it was closed");

    // Its end was cut off, or its writer was killed.
    let cut = "DELETE FROM audit_batches WHERE kind = 'close'";
    log.tamper(cut, cut).await;
    let report = look(&log).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!((report.silent_streams, report.silences.len()), (1, 1));
    assert_eq!(report.silences[0].batch_no, 1);

    // A sign of life that is young enough.
    log.tamper(
        "UPDATE audit_batches SET db_time = now() - interval '50 minutes'; UPDATE audit_logs SET recorded_at = (SELECT max(db_time) FROM audit_batches)",
        "UPDATE audit_batches SET db_time = (unixepoch() - 3000) * 1000000; UPDATE audit_logs SET recorded_at = (SELECT max(db_time) FROM audit_batches)",
    )
    .await;
    let report = look(&log).await;
    assert!(report.is_intact(), "{:?}", report.breaks);
    assert_eq!(report.silent_streams, 0);

    // Batches in streams that nobody opened are nobody's to close.
    let headless = "DELETE FROM audit_logs; DELETE FROM audit_batches";
    log.tamper(headless, headless).await;
    log.land(&samples::batch(&mut audit_core::batch::Freezer::new(), 1)).await;
    log.tamper(
        "UPDATE audit_batches SET db_time = db_time - interval '2 hours'",
        "UPDATE audit_batches SET db_time = db_time - 7200000000",
    )
    .await;
    assert_eq!(look(&log).await.silent_streams, 0);
}

async fn a_header_that_stands_where_its_kind_cannot_is_found(log: Log) {
    with_stream(&log).await;
    let is_found =
        |report: &Report| report.breaks.iter().any(|found| matches!(found, Break::OutOfPlace { batch_no: 2, .. }));
    // Nobody commits to the last header of a stream that is not sealed, so that only its kind speaks against it.
    for (set, back) in [("kind = 'open'", "kind = 'close'"), ("n = 2", "n = 0")] {
        let edit = format!("UPDATE audit_batches SET {set} WHERE batch_no = 2");
        log.tamper(&edit, &edit).await;
        let report = look(&log).await;
        assert!(is_found(&report), "{set}: {:?}", report.breaks);
        let back = format!("UPDATE audit_batches SET {back} WHERE batch_no = 2");
        log.tamper(&back, &back).await;
    }
    assert!(look(&log).await.is_intact());
    // Nor to where its rows begin: not behind those of the batch before, and not among them.
    for first_seq in [5, 0] {
        let edit = format!("UPDATE audit_batches SET first_seq = {first_seq} WHERE batch_no = 2");
        log.tamper(&edit, &edit).await;
        let breaks = look(&log).await.breaks;
        assert!(matches!(breaks[..], [Break::BrokenNumbers { batch_no: 2, .. }]), "{first_seq}: {breaks:?}");
    }
    let back = "UPDATE audit_batches SET first_seq = 1 WHERE batch_no = 2";
    log.tamper(back, back).await;
    assert!(look(&log).await.is_intact());
    // Only PostgreSQL computes hashes.
    if log.is_postgres() {
        let follow = "UPDATE audit_batches SET kind = 'close' WHERE batch_no = 0; \
             UPDATE audit_batches b SET prev_hash = control_plane.audit_header_hash(b.stream_id, 0) WHERE batch_no = 1; \
             UPDATE audit_batches b SET prev_hash = control_plane.audit_header_hash(b.stream_id, 1) WHERE batch_no = 2";
        log.tamper(follow, "").await;
        let report = look(&log).await;
        assert!(matches!(report.breaks[..], [Break::OutOfPlace { batch_no: 1, .. }]), "{:?}", report.breaks);
    }
}
