//! Rows that the table refuses.

use audit_core::batch::{Batch, Freezer};
use audit_core::migrate::{self, Options};
use audit_core::store::{ErrorClass, Landed, Schema, StoreError, open};
use tests::postgres::{Database, server};
use tests::samples;

/// A database whose table refuses one `seq` in `every`.
async fn fussy(every: i64) -> Database<'static> {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    let check = format!("CHECK (seq % {every} <> {})", every - 1);
    database.execute(&format!("ALTER TABLE control_plane.audit_logs ADD CONSTRAINT fussy {check}")).await;
    database
}

async fn land(database: &Database<'_>, batch: &Batch) -> Result<Landed, StoreError> {
    let url = database.url_as("audit_writer").await;
    let store = open(&url, &Schema::default()).unwrap();
    let mut connection = store.connect().await?;
    let landed = connection.land(batch).await;
    connection.close().await;
    landed
}

async fn counts(database: &Database<'_>) -> [i64; 3] {
    let rows = database.value("SELECT count(*) FROM control_plane.audit_logs").await;
    let apart = database.value("SELECT count(*) FROM control_plane.audit_dead_letters").await;
    let promised = database.value("SELECT coalesce(sum(n), 0)::bigint FROM control_plane.audit_batches").await;
    [rows, apart, promised]
}

#[tokio::test]
async fn a_refused_row_is_kept_apart_under_an_unchanged_header_and_the_rest_lands() {
    let database = fussy(500).await;
    let mut freezer = Freezer::new();
    let batch = samples::batch(&mut freezer, 1_500);
    assert_eq!(land(&database, &batch).await.unwrap(), Landed::Stored { dead_lettered: 3 });
    assert_eq!(counts(&database).await, [1_497, 3, 1_500]);
    let places: Vec<i32> =
        database.value("SELECT array_agg(idx ORDER BY idx) FROM control_plane.audit_dead_letters").await;
    assert_eq!(places, [499, 999, 1_499]);
    let leaf: Vec<u8> = database.value("SELECT leaf_hash FROM control_plane.audit_dead_letters WHERE idx = 499").await;
    assert_eq!(leaf, batch.rows()[499].leaf);
    let hash: Vec<u8> = database
        .value("SELECT control_plane.audit_header_hash(stream_id, batch_no) FROM control_plane.audit_batches")
        .await;
    assert_eq!(hash, batch.header_hash());

    // Sent again, it meets its own header, and the accounts come out the same.
    assert_eq!(land(&database, &batch).await.unwrap(), Landed::AlreadyStored { dead_lettered: 3 });
    assert_eq!(counts(&database).await, [1_497, 3, 1_500]);
}

#[tokio::test]
async fn a_table_that_refuses_every_row_of_a_small_batch_holds_it_back() {
    let database = fussy(1).await;
    for rows in [2, 10] {
        let error = land(&database, &samples::batch(&mut Freezer::new(), rows)).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Operator, "{error}");
    }
    assert_eq!(counts(&database).await, [0, 0, 0]);
}

#[tokio::test]
async fn a_row_alone_is_kept_apart_but_not_one_after_another() {
    let database = fussy(1).await;
    let store = open(&database.url_as("audit_writer").await, &Schema::default()).unwrap();
    // The writer connects anew after every failure.
    let land = async |batch: &Batch| store.connect().await.unwrap().land(batch).await;
    let mut freezer = Freezer::new();
    assert_eq!(land(&samples::batch(&mut freezer, 1)).await.unwrap(), Landed::Stored { dead_lettered: 1 });
    let next = samples::batch(&mut freezer, 1);
    for _ in 0..2 {
        let error = land(&next).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Operator, "{error}");
    }
    database.execute("ALTER TABLE control_plane.audit_logs DROP CONSTRAINT fussy").await;
    assert_eq!(land(&next).await.unwrap(), Landed::Stored { dead_lettered: 0 });
    assert_eq!(counts(&database).await, [1, 1, 2]);
    database.execute("ALTER TABLE control_plane.audit_logs ADD CONSTRAINT fussy CHECK (seq < 2)").await;
    assert_eq!(land(&samples::batch(&mut freezer, 1)).await.unwrap(), Landed::Stored { dead_lettered: 1 });
}

#[tokio::test]
async fn a_table_that_refuses_many_rows_holds_the_batch_back() {
    let database = fussy(2).await;
    let error = land(&database, &samples::batch(&mut Freezer::new(), 100)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Operator, "{error}");
    assert_eq!(counts(&database).await, [0, 0, 0]);
}

/// A full disk, a server that only reads, and others of which the next attempt may hear nothing: the row is not at fault.
#[tokio::test]
async fn a_row_that_meets_what_may_pass_is_not_kept_apart() {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    let mut freezer = Freezer::new();
    let mut landed = 0;
    for code in ["53100", "53200", "25006", "40001", "40P01", "55P03", "57014"] {
        for rows in [3, 300] {
            let batch = samples::batch(&mut freezer, rows);
            let seq = batch.header().first_seq + 1;
            let refuse = format!(
                "CREATE FUNCTION control_plane.refuse() RETURNS trigger LANGUAGE plpgsql
                     AS $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{code}'; END $$;
                 CREATE TRIGGER refuse BEFORE INSERT ON control_plane.audit_logs
                     FOR EACH ROW WHEN (NEW.seq = {seq}) EXECUTE FUNCTION control_plane.refuse()"
            );
            database.execute(&refuse).await;
            let error = land(&database, &batch).await.unwrap_err();
            assert_eq!(error.class(), ErrorClass::Transient, "{error}");
            assert_eq!(counts(&database).await, [landed, 0, landed], "{code}");
            database.execute("DROP FUNCTION control_plane.refuse CASCADE").await;
            assert_eq!(land(&database, &batch).await.unwrap(), Landed::Stored { dead_lettered: 0 });
            landed += i64::from(batch.header().n);
        }
    }
}
