//! Two writers of one stream: forked processes and cloned machines.

use tests::postgres::server;

use crate::support::loaded;

const STREAMS: &str = "SELECT count(DISTINCT stream_id) FROM control_plane.audit_batches";

/// Fault 25: somebody else writes the batches that come next in the writer's streams.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cloned_stream_is_left_to_its_clone() {
    let (database, load) = loaded(server()).await;
    let streams: i64 = database.value(STREAMS).await;
    // The clone's batches have no rows, and continue the chain.
    database
        .execute(
            "BEGIN;
             LOCK TABLE control_plane.audit_batches IN EXCLUSIVE MODE;
             INSERT INTO control_plane.audit_batches
                    (stream_id, batch_no, first_seq, first_created, last_created, writer_time, n, kind, rows_root, prev_hash)
             SELECT DISTINCT ON (stream_id) stream_id, batch_no + 1, first_seq + n, now(), now(), now(), 0, 'entries',
                    sha256(''), control_plane.audit_header_hash(stream_id, batch_no)
               FROM control_plane.audit_batches ORDER BY stream_id, batch_no DESC;
             COMMIT",
        )
        .await;
    load.stores(500).await;
    assert!(database.value::<i64>(STREAMS).await > streams, "the batches went on in the clone's stream");
    load.judged(&database.url()).await;
}
