//! Answers from SQLite.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row as _};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::reader::{Source, TIME_LIMIT};
use super::{Count, Page, Query, sql};
use crate::store::sqlite::{Access, File, store_error};
use crate::store::{BoxFuture, ErrorClass, StoreError};

/// How many of SQLite's operations pass between two looks at the clock: about a tenth of a millisecond.
const OPERATIONS_PER_LOOK: i32 = 10_000;
/// `SQLITE_INTERRUPT`, what remains of a statement that ran out of time.
const INTERRUPT: &str = "9";

const COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, \
     created_at, outcome, error, duration_us, attempt_id, request_id, trace_id, span_id, tenant_id, on_behalf_of, \
     origin, recorded_at, stream_id, seq, salt, redacted";

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Sqlite {
    file: File,
    /// Empty while a question is asked, and after one that failed.
    connection: Mutex<Option<SqliteConnection>>,
    time_limit: Duration,
}

impl Sqlite {
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        let file = File::parse(url)?;
        let connection = file.open(Access::Read).await?;
        Ok(Self { file, connection: Mutex::new(Some(connection)), time_limit: TIME_LIMIT })
    }

    /// Runs a statement within the time limit. The connection goes back only when all went well.
    async fn fetch(&self, mut statement: QueryBuilder<sqlx::Sqlite>) -> Result<Vec<SqliteRow>, StoreError> {
        let mut place = self.connection.lock().await;
        let mut connection = match place.take() {
            Some(connection) => connection,
            None => self.file.open(Access::Read).await?,
        };
        let deadline = Instant::now() + self.time_limit;
        let failed = |error| self.failed(error);
        connection
            .lock_handle()
            .await
            .map_err(failed)?
            .set_progress_handler(OPERATIONS_PER_LOOK, move || Instant::now() < deadline);
        let rows = statement.build().fetch_all(&mut connection).await.map_err(failed)?;
        *place = Some(connection);
        Ok(rows)
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        let action = format!("cannot read {}", self.file.describe());
        if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(INTERRUPT)) {
            return StoreError::new(ErrorClass::Transient, action, sql::too_slow());
        }
        store_error(action, error)
    }

    async fn read_page(&self, query: &Query) -> Result<Page, StoreError> {
        let rows = self.fetch(select_page(query)).await?;
        let rows = rows.iter().map(|row| sql::row(row, time, |error| self.failed(error))).collect::<Result<_, _>>()?;
        Ok(Page::cut(rows, query.row_limit()))
    }

    async fn read_count(&self, query: &Query) -> Result<Count, StoreError> {
        let mut statement = select("count(*) FROM (SELECT 1", query);
        statement.push(" LIMIT ").push_bind(Count::LIMIT).push(")");
        let rows = self.fetch(statement).await?;
        let counted = rows.iter().try_fold(0, |sum, row| row.try_get::<i64, _>(0).map(|counted| sum + counted));
        counted.map(Count::of).map_err(|error| self.failed(error))
    }
}

impl Source for Sqlite {
    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(self.read_page(query))
    }

    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Count, StoreError>> {
        Box::pin(self.read_count(query))
    }
}

/// A time, from microseconds since 1970.
pub(crate) fn time(row: &SqliteRow, column: &'static str) -> Result<DateTime<Utc>, sqlx::Error> {
    let micros: i64 = row.try_get(column)?;
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| sqlx::Error::ColumnDecode { index: column.to_owned(), source: "no time".into() })
}

fn select_page(query: &Query) -> QueryBuilder<sqlx::Sqlite> {
    let mut statement = select(COLUMNS, query);
    if let Some(cursor) = query.after {
        statement.push(" AND (created_at, id) < (").push_bind(cursor.created_at.timestamp_micros());
        statement.push(", ").push_bind(cursor.id).push(")");
    }
    statement.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(i64::from(query.row_limit()) + 1);
    statement
}

fn select(what: &str, query: &Query) -> QueryBuilder<sqlx::Sqlite> {
    let (since, until) = sql::time_range(query);
    let mut statement = QueryBuilder::new(format!("SELECT {what} FROM audit_logs WHERE created_at >= "));
    statement.push_bind(since).push(" AND created_at < ").push_bind(until);
    // Without statistics SQLite takes the index of the last condition that has one, which may be a hot action's. A plus
    // keeps a column from its index.
    sql::push_conditions(&mut statement, query, "+");
    statement
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Connection as _};

    use super::*;

    const TABLES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0001_tables.sql"));

    async fn plan(connection: &mut SqliteConnection, query: &Query) -> String {
        let explain = format!("EXPLAIN QUERY PLAN {}", select_page(query).sql().as_str());
        let steps = sqlx::query(AssertSqlSafe(explain)).fetch_all(connection).await.unwrap();
        steps.iter().map(|step| step.get::<String, _>("detail")).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn an_answer_that_takes_too_long_is_given_up_and_the_next_is_not() {
        let path = std::env::temp_dir().join(format!("audit-{}.db", uuid::Uuid::now_v7()));
        let url = format!("sqlite:{}", path.display());
        let mut writer = File::parse(&url).unwrap().open(Access::Write).await.unwrap();
        let rows = "INSERT INTO audit_logs (id, actor_type, action, target_type, metadata, created_at, outcome, stream_id, seq)
                    WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n LIMIT 5000)
                    SELECT randomblob(16), 'user', 'door.opened', 'door', '{}', i, 'success', zeroblob(16), i FROM n";
        for sql in [TABLES, rows] {
            sqlx::raw_sql(sql).execute(&mut writer).await.unwrap();
        }
        let mut reader = Sqlite::connect(&url).await.unwrap();
        let rare = Query::new().outcome(crate::Outcome::Denied);

        reader.time_limit = Duration::ZERO;
        let error = reader.page(&rare).await.unwrap_err();
        assert!(error.to_string().contains("narrow the question"), "{error}");
        reader.time_limit = TIME_LIMIT;
        assert_eq!(reader.page(&rare).await.unwrap().rows, []);
        std::fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn every_question_searches_the_index_that_fewest_rows_meet() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql(TABLES).execute(&mut connection).await.unwrap();
        let all = Query::new().action("a").actor("b").target_id("c").request_id("d");
        for (query, index) in [
            (Query::new(), "created_at"),
            (Query::new().outcome(crate::Outcome::Denied), "created_at"),
            (Query::new().action("a"), "action"),
            (Query::new().action("a").actor("b"), "actor_created"),
            (Query::new().action("a").actor("b").target_id("c").target_type("d"), "target_created"),
            (all, "request_id"),
        ] {
            let plan = plan(&mut connection, &query).await;
            let expected = format!("SEARCH audit_logs USING INDEX idx_audit_logs_{index} (");
            assert!(plan.starts_with(&expected), "{query:?}: {plan}");
        }
    }
}
