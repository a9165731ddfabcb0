//! How PostgreSQL reads the partitions of a log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use audit_core::query::{Query, Reader};
use audit_core::store::Schema;
use sqlx::Connection as _;

use crate::postgres::Database;

/// How the partitions that hold anything were read since the last look: how often through, and which indexes how often.
struct Reads {
    through: i64,
    indexes: BTreeMap<String, i64>,
}

impl Reads {
    async fn of(database: &Database<'_>) -> Self {
        let through = database
            .value("SELECT sum(seq_scan)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'audit\\_logs\\_%' AND n_live_tup > 0")
            .await;
        let mut connection = database.connect().await;
        let indexes = "SELECT coalesce(parent.relname, s.indexrelname)::text, sum(s.idx_scan)::bigint
                         FROM pg_stat_user_indexes s
                         LEFT JOIN pg_inherits i ON i.inhrelid = s.indexrelid
                         LEFT JOIN pg_class parent ON parent.oid = i.inhparent
                        WHERE s.relname LIKE 'audit\\_logs\\_%' GROUP BY 1";
        let indexes: Vec<(String, i64)> = sqlx::query_as(indexes).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        Self { through, indexes: indexes.into_iter().collect() }
    }

    fn since(self, earlier: &Self) -> (i64, Vec<String>) {
        let used = |name: &String, count: i64| count > earlier.indexes.get(name).copied().unwrap_or(0);
        let indexes = self.indexes.iter().filter(|(name, count)| used(name, **count)).map(|(name, _)| name.clone());
        (self.through - earlier.through, indexes.collect())
    }
}

/// How a reader reads the partitions for the first pages of a query: how often through, and by which indexes.
pub async fn reads(database: &Database<'_>, query: &Query) -> (i64, Vec<String>) {
    let before = Reads::of(database).await;
    let reader = Reader::connect(&database.url(), &Schema::default()).await.unwrap();
    let page = reader.page(query).await.unwrap();
    if let Some(next) = page.next {
        reader.page(&query.clone().after(next)).await.unwrap();
    }
    drop(reader);
    // The server's process says what it did before it is gone.
    let gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'audit-reader' AND datname = current_database())";
    let deadline = Instant::now() + Duration::from_secs(30);
    while !database.value::<bool>(gone).await {
        assert!(Instant::now() < deadline, "the reader's process does not end");
    }
    Reads::of(database).await.since(&before)
}
