//! What every store promises: one suite, and each store passes it.

mod hostile;

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use audit_core::Row;
use audit_core::batch::{Batch, Freezer};
use audit_core::encoding::row_leaf;
use audit_core::query::{Query, Reader};
use audit_core::store::{ErrorClass, Landed, Schema, SharedStore, open};
use proptest::prop_assert_eq;
use proptest::test_runner::{Config, TestRunner};
use tests::samples;

/// Lands as one statement in PostgreSQL.
const FEW: usize = 20;
/// Lands by COPY in PostgreSQL, and takes more than one statement in SQLite.
const MANY: usize = 701;

const STORED: Landed = Landed::Stored { dead_lettered: 0 };
const ALREADY_STORED: Landed = Landed::AlreadyStored { dead_lettered: 0 };

const HOSTILE_BATCHES: u32 = 8;
/// Beyond the hundred that land as one statement in PostgreSQL.
const HOSTILE_ROWS: usize = 150;

/// A fresh log of one kind of store.
trait Ground {
    /// Makes one, migrated.
    async fn fresh() -> Self;
    /// Where it is.
    fn url(&self) -> String;
    /// Runs statements on it as nobody but its operator may. Tables are called by their bare names.
    async fn execute(&self, sql: &str);
}

fn store(ground: &impl Ground) -> SharedStore {
    open(&ground.url(), &Schema::default()).unwrap()
}

async fn land(ground: &impl Ground, batch: &Batch) -> Landed {
    let mut connection = store(ground).connect().await.unwrap();
    let landed = connection.land(batch).await.unwrap();
    connection.close().await;
    landed
}

/// Every row of the log, in the order of its stream.
async fn rows(ground: &impl Ground) -> Vec<Row> {
    let reader = Reader::connect(&ground.url(), &Schema::default()).await.unwrap();
    let mut query = Query::new().limit(100);
    let mut rows = Vec::new();
    loop {
        let page = reader.page(&query).await.unwrap();
        rows.extend(page.rows);
        let Some(next) = page.next else { break };
        query = query.after(next);
    }
    rows.sort_by_key(|row| (row.stream_id, row.seq));
    rows
}

async fn what_is_read_back_is_what_was_frozen<G: Ground>() {
    let ground = G::fresh().await;
    let mut freezer = Freezer::new();
    let batches = [FEW, MANY].map(|rows| freezer.freeze(samples::varied(rows), SystemTime::now()));
    for batch in &batches {
        assert_eq!(land(&ground, batch).await, STORED);
    }

    let read = rows(&ground).await;
    let frozen: Vec<_> = batches.iter().flat_map(Batch::rows).collect();
    assert_eq!(read.len(), frozen.len());
    for (mut read, frozen) in read.into_iter().zip(frozen) {
        assert_eq!(row_leaf(&read), Some(frozen.leaf), "{read:?}");
        assert!(read.recorded_at.take().is_some());
        assert_eq!(read, frozen.row);
    }
}

async fn a_batch_lands_once_however_often_it_is_sent<G: Ground>() {
    let ground = G::fresh().await;
    let mut freezer = Freezer::new();
    for size in [FEW, MANY] {
        let batch = samples::batch(&mut freezer, size);
        let mut connection = store(&ground).connect().await.unwrap();
        assert_eq!(connection.land(&batch).await.unwrap(), STORED);
        assert_eq!(connection.land(&batch).await.unwrap(), ALREADY_STORED);
        assert_eq!(land(&ground, &batch).await, ALREADY_STORED);
    }
    assert_eq!(rows(&ground).await.len(), FEW + MANY);
}

async fn sent_by_two_at_once_a_batch_lands_once<G: Ground>() {
    let ground = G::fresh().await;
    let mut freezer = Freezer::new();
    for size in [FEW, MANY] {
        let batch = samples::batch(&mut freezer, size);
        let (one, other) = tokio::join!(land(&ground, &batch), land(&ground, &batch));
        assert!([(STORED, ALREADY_STORED), (ALREADY_STORED, STORED)].contains(&(one, other)), "{one:?} {other:?}");
    }
    assert_eq!(rows(&ground).await.len(), FEW + MANY);
}

async fn the_header_of_somebody_else_is_told_apart<G: Ground>() {
    let ground = G::fresh().await;
    for size in [FEW, MANY] {
        let mut freezer = Freezer::new();
        assert_eq!(land(&ground, &samples::batch(&mut freezer, 1)).await, STORED);
        let squat = "INSERT INTO audit_batches (stream_id, batch_no, kind, first_seq, n, first_created, last_created,
                                                rows_root, prev_hash, writer_time)
                     SELECT stream_id, batch_no + 1, kind, first_seq, n, first_created, last_created,
                            rows_root, prev_hash, writer_time
                       FROM audit_batches b
                      WHERE NOT EXISTS (SELECT 1 FROM audit_batches s WHERE s.stream_id = b.stream_id AND s.batch_no = 1)";
        ground.execute(squat).await;

        let batch = samples::batch(&mut freezer, size);
        let mut connection = store(&ground).connect().await.unwrap();
        assert_eq!(connection.land(&batch).await.unwrap(), Landed::Squatted);
        // The connection is good for the stream in which the entries belong now.
        let elsewhere = samples::batch(&mut Freezer::new(), 1);
        assert_eq!(connection.land(&elsewhere).await.unwrap(), STORED);
        assert!(rows(&ground).await.iter().all(|row| row.stream_id != batch.header().stream_id || row.seq == 0));
    }
}

async fn of_a_batch_that_fails_nothing_stays<G: Ground>() {
    let ground = G::fresh().await;
    let mut freezer = Freezer::new();
    assert_eq!(land(&ground, &samples::batch(&mut freezer, 1)).await, STORED);
    for size in [FEW, MANY] {
        let batch = samples::batch(&mut freezer, size);
        ground.execute("ALTER TABLE audit_logs RENAME COLUMN origin TO elsewhere").await;
        let error = store(&ground).connect().await.unwrap().land(&batch).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Operator, "{error}");
        ground.execute("ALTER TABLE audit_logs RENAME COLUMN elsewhere TO origin").await;
        // Had its header stayed, the batch would count as stored.
        assert_eq!(land(&ground, &batch).await, STORED);
    }
    assert_eq!(rows(&ground).await.len(), 1 + FEW + MANY);
}

async fn a_batch_given_up_half_way_lands_once_when_it_is_sent_again<G: Ground>() {
    let ground = G::fresh().await;
    let store = store(&ground);
    let mut freezer = Freezer::new();
    let mut landed = 0;
    for step in 0..24 {
        let size = if step % 2 == 0 { FEW } else { MANY };
        let batch = samples::batch(&mut freezer, size);
        let mut connection = store.connect().await.unwrap();
        let patience = Duration::from_micros(400 * step);
        if tokio::time::timeout(patience, connection.land(&batch)).await.is_err() {
            drop(connection);
            connection = store.connect().await.unwrap();
        }
        // Whichever it is, it is there now.
        connection.land(&batch).await.unwrap();
        assert_eq!(connection.land(&batch).await.unwrap(), ALREADY_STORED);
        landed += size;
    }
    let rows = rows(&ground).await;
    assert_eq!(rows.len(), landed);
    assert!(rows.iter().zip(0..).all(|(row, seq)| row.seq == seq));
}

async fn a_batch_without_rows_is_a_header_alone<G: Ground>() {
    let ground = G::fresh().await;
    let batch = Freezer::new().freeze(Vec::new(), SystemTime::now());
    assert_eq!(land(&ground, &batch).await, STORED);
    assert_eq!(land(&ground, &batch).await, ALREADY_STORED);
    assert_eq!(rows(&ground).await, []);
}

/// Entries of every kind land and none is refused; what is read back hashes to what was frozen.
fn whatever_it_is_given_comes_back_as_it_was_frozen<G: Ground>() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ground = runtime.block_on(G::fresh());
    let frozen = RefCell::new(HashMap::new());
    let config = Config { cases: HOSTILE_BATCHES, failure_persistence: None, ..Config::default() };
    let batches = proptest::collection::vec(hostile::entry(), 1..HOSTILE_ROWS);
    let landing = TestRunner::new(config).run(&batches, |entries| {
        let batch = Freezer::new().freeze(entries, SystemTime::now());
        frozen.borrow_mut().extend(batch.rows().iter().map(|row| (row.row.id, row.leaf)));
        prop_assert_eq!(runtime.block_on(land(&ground, &batch)), STORED);
        Ok(())
    });
    landing.unwrap();

    let read = runtime.block_on(rows(&ground));
    let frozen = frozen.into_inner();
    assert_eq!(read.len(), frozen.len());
    for row in read {
        assert_eq!(row_leaf(&row), frozen.get(&row.id).copied(), "{row:?}");
    }
}

macro_rules! contract {
    ($ground:ty: $($promise:ident)*) => {$(
        #[tokio::test]
        async fn $promise() {
            super::$promise::<$ground>().await;
        }
    )*};
    ($ground:ty) => {
        contract! { $ground:
            what_is_read_back_is_what_was_frozen
            a_batch_lands_once_however_often_it_is_sent
            sent_by_two_at_once_a_batch_lands_once
            the_header_of_somebody_else_is_told_apart
            of_a_batch_that_fails_nothing_stays
            a_batch_given_up_half_way_lands_once_when_it_is_sent_again
            a_batch_without_rows_is_a_header_alone
        }

        #[test]
        fn whatever_it_is_given_comes_back_as_it_was_frozen() {
            super::whatever_it_is_given_comes_back_as_it_was_frozen::<$ground>();
        }
    };
}

mod postgres {
    use tests::postgres::{Database, server};

    struct Postgres(Database<'static>);

    impl super::Ground for Postgres {
        async fn fresh() -> Self {
            let database = server().database().await;
            let ground = Self(database);
            super::store(&ground).migrate().await.unwrap();
            ground
        }

        fn url(&self) -> String {
            self.0.url()
        }

        async fn execute(&self, sql: &str) {
            self.0.execute(&format!("SET search_path = control_plane; {sql}")).await;
        }
    }

    contract!(Postgres);
}

mod sqlite {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{AssertSqlSafe, ConnectOptions as _};
    use tempfile::TempDir;

    struct Sqlite(TempDir);

    impl super::Ground for Sqlite {
        async fn fresh() -> Self {
            let ground = Self(tempfile::tempdir().unwrap());
            super::store(&ground).migrate().await.unwrap();
            ground
        }

        fn url(&self) -> String {
            format!("sqlite:{}", self.0.path().join("audit.db").display())
        }

        async fn execute(&self, sql: &str) {
            let file = SqliteConnectOptions::new().filename(self.0.path().join("audit.db"));
            let mut connection = file.connect().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        }
    }

    contract!(Sqlite);
}
