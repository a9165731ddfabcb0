//! Answers from SQLite.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row as _};
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::filter::metadata::readings;
use super::filter::{Condition, Path, Pattern, Period};
use super::overview::Most;
use super::plan::Plan;
use super::reader::{Reach, Source};
use super::sealed::{Frontier, SealedBatch};
use super::search::{self, Statements};
use super::spans::Span;
use super::sql::{self, Dialect};
use super::survey::{self, Kind};
use super::tally::{By, Tally};
use super::{Count, Cursor, Overview, Page, Query};
use crate::Row;
use crate::store::sqlite::{Access, File, store_error};
use crate::store::{BoxFuture, ErrorClass, StoreError};

/// How many of SQLite's operations pass between two looks at the clock: about a tenth of a millisecond.
const OPERATIONS_PER_LOOK: i32 = 10_000;
/// How long a statement may take.
const STATEMENT_LIMIT: Duration = Duration::from_secs(4);
/// `SQLITE_INTERRUPT`, what remains of a statement that ran out of time.
const INTERRUPT: &str = "9";

const TABLE: &str = "audit_logs";
const COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, \
     created_at, outcome, error, duration_us, attempt_id, request_id, trace_id, span_id, tenant_id, on_behalf_of, \
     origin, recorded_at, stream_id, seq, salt, redacted";

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Sqlite {
    file: File,
    /// Empty while a question is asked, and after one that failed.
    connection: Mutex<Option<SqliteConnection>>,
    statement_limit: Duration,
}

impl Sqlite {
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        let file = File::parse(url)?;
        let connection = file.open(Access::Read).await?;
        Ok(Self { file, connection: Mutex::new(Some(connection)), statement_limit: STATEMENT_LIMIT })
    }

    /// Answers. The connection goes back only when all went well.
    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut Session<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut place = self.connection.lock().await;
        let connection = match place.take() {
            Some(connection) => connection,
            None => self.file.open(Access::Read).await?,
        };
        let mut session = Session { connection, reader: self };
        let answer = question(&mut session).await?;
        *place = Some(session.connection);
        Ok(answer)
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        store_error(self.action(), error)
    }

    fn action(&self) -> String {
        format!("cannot read {}", self.file.describe())
    }
}

impl Source for Sqlite {
    fn page<'a>(&'a self, query: &'a Query, patience: Duration) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let plan = plan_of(query);
            let wanted = query.row_limit() as usize + 1;
            let reading = self.ask(async |session| search::read(session, &plan, wanted, patience).await).await?;
            Ok(Page::of(query, reading))
        })
    }

    fn count<'a>(&'a self, query: &'a Query, reach: Reach) -> BoxFuture<'a, Result<Count, StoreError>> {
        Box::pin(async move {
            let plan = plan_of(query);
            self.ask(async |session| search::count(session, &plan, reach).await).await
        })
    }

    fn overview<'a>(
        &'a self,
        query: &'a Query,
        most: Most,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Overview, StoreError>> {
        Box::pin(async move {
            let plan = plan_of(query);
            self.ask(async |session| survey::overview(session, &plan, most, patience).await).await
        })
    }

    fn tally<'a>(&'a self, query: &'a Query, by: By, most: usize) -> BoxFuture<'a, Result<Tally, StoreError>> {
        Box::pin(async move {
            let plan = plan_of(query);
            self.ask(async |session| search::tally(session, &plan, by, most).await).await
        })
    }

    fn sealed(&self, from: u64) -> BoxFuture<'_, Result<(Vec<SealedBatch>, u64), StoreError>> {
        Box::pin(self.ask(async move |session| {
            let rows = session.answer(sql::select_sealed("", from)).await?;
            let end = session.answer(sql::select_end("")).await?;
            let read = || Ok((rows.iter().map(SealedBatch::read).collect::<Result<_, _>>()?, sql::count(&end)?));
            read().map_err(|error| self.failed(error))
        }))
    }

    fn frontiers<'a>(&'a self, streams: &'a [Uuid]) -> BoxFuture<'a, Result<Vec<Frontier>, StoreError>> {
        Box::pin(self.ask(async move |session| {
            let rows = session.answer(sql::select_frontiers("", streams)).await?;
            rows.iter().map(Frontier::read).collect::<Result<_, _>>().map_err(|error| self.failed(error))
        }))
    }

    fn unsealed_since(&self) -> BoxFuture<'_, Result<Option<DateTime<Utc>>, StoreError>> {
        Box::pin(self.ask(async |session| {
            let since = "SELECT min(b.db_time) AS since FROM (SELECT * FROM audit_unsealed LIMIT 100) u
                           JOIN audit_batches b ON b.stream_id = u.stream_id AND b.batch_no = u.batch_no";
            let rows = session.answer(QueryBuilder::new(since)).await?;
            let since = || match rows.first() {
                Some(row) if row.try_get::<Option<i64>, _>(0)?.is_some() => time(row, "since").map(Some),
                _ => Ok(None),
            };
            since().map_err(|error| self.failed(error))
        }))
    }
}

/// The statements of one question.
struct Session<'a> {
    connection: SqliteConnection,
    reader: &'a Sqlite,
}

impl Session<'_> {
    /// Runs a statement; `None` where it ran out of time.
    async fn fetch(&mut self, mut statement: QueryBuilder<sqlx::Sqlite>) -> Result<Option<Vec<SqliteRow>>, StoreError> {
        let deadline = Instant::now() + self.reader.statement_limit;
        self.connection
            .lock_handle()
            .await
            .map_err(|error| self.reader.failed(error))?
            .set_progress_handler(OPERATIONS_PER_LOOK, move || Instant::now() < deadline);
        match statement.build().fetch_all(&mut self.connection).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(INTERRUPT)) => {
                Ok(None)
            }
            Err(error) => Err(self.reader.failed(error)),
        }
    }
}

impl Session<'_> {
    /// Runs a statement that has to be answered in time.
    async fn answer(&mut self, statement: QueryBuilder<sqlx::Sqlite>) -> Result<Vec<SqliteRow>, StoreError> {
        self.fetch(statement).await?.ok_or_else(|| self.too_slow())
    }
}

impl Statements for Session<'_> {
    async fn windows(&mut self, plan: &Plan<'_>) -> Result<Vec<Span>, StoreError> {
        Ok(Vec::from_iter(Some(plan.span).filter(|(since, until)| since < until)))
    }

    async fn inhabited(&mut self, _: &Plan<'_>) -> Result<Span, StoreError> {
        // Each alone is looked up in the index; both at once are not.
        let ends = "SELECT (SELECT min(created_at) FROM audit_logs), (SELECT max(created_at) FROM audit_logs)";
        let rows = self.fetch(QueryBuilder::new(ends)).await?.unwrap_or_default();
        let end = |column, empty| {
            let end = rows.first().map(|row| row.try_get::<Option<i64>, _>(column)).transpose();
            end.map(|end| end.flatten().unwrap_or(empty)).map_err(|error| self.reader.failed(error))
        };
        Ok((end(0, Period::LAST)?, end(1, Period::FIRST)?.saturating_add(1)))
    }

    async fn rows(
        &mut self,
        plan: &Plan<'_>,
        span: Span,
        place: Option<Cursor>,
        limit: usize,
    ) -> Result<Option<Vec<Row>>, StoreError> {
        let Some(rows) = self.fetch(select_rows(plan, span, place, limit)).await? else { return Ok(None) };
        rows.iter().map(|row| sql::row(row, |error| self.reader.failed(error))).collect::<Result<_, _>>().map(Some)
    }

    async fn count(&mut self, plan: &Plan<'_>, span: Span) -> Result<Option<u64>, StoreError> {
        let Some(rows) = self.fetch(sql::select("count(*)", TABLE, plan, span, None)).await? else { return Ok(None) };
        sql::count(&rows).map(Some).map_err(|error| self.reader.failed(error))
    }

    async fn tally(
        &mut self,
        plan: &Plan<'_>,
        span: Span,
        by: By,
    ) -> Result<Option<Vec<(Option<String>, u64)>>, StoreError> {
        let Some(rows) = self.fetch(sql::select_tally(TABLE, plan, span, by)).await? else { return Ok(None) };
        let tallied = rows.iter().map(sql::tallied).collect::<Result<_, _>>();
        tallied.map(Some).map_err(|error| self.reader.failed(error))
    }

    async fn kinds(&mut self, plan: &Plan<'_>, span: Span) -> Result<Option<Vec<Kind>>, StoreError> {
        let Some(rows) = self.fetch(sql::select_kinds(TABLE, plan, span)).await? else { return Ok(None) };
        let kinds = rows.iter().map(sql::kind).collect::<Result<_, _>>();
        kinds.map(Some).map_err(|error| self.reader.failed(error))
    }

    fn too_slow(&self) -> StoreError {
        StoreError::new(ErrorClass::Transient, self.reader.action(), sql::too_slow())
    }
}

/// Without statistics SQLite takes the index of the last condition that has one, which may be a hot action's.
fn plan_of(query: &Query) -> Plan<'_> {
    Plan::of(query, sqlx::Sqlite::is_exact).led()
}

fn select_rows(plan: &Plan<'_>, span: Span, place: Option<Cursor>, limit: usize) -> QueryBuilder<sqlx::Sqlite> {
    let mut statement = sql::select(COLUMNS, TABLE, plan, span, place);
    sql::push_order(&mut statement, plan.travel, i64::try_from(limit).unwrap_or(i64::MAX));
    statement
}

/// SQLite has no networks and no index into JSON: what its SQL says about them is true of more rows than are meant.
impl Dialect for sqlx::Sqlite {
    const DAY: &'static str = "date(created_at / 1000000, 'unixepoch')";

    fn is_exact(condition: &Condition) -> bool {
        !matches!(condition, Condition::Anywhere(_) | Condition::Metadata(..) | Condition::Ip(_))
    }

    fn beside(column: &str) -> String {
        format!("+{column}")
    }

    fn push_time(sql: &mut QueryBuilder<Self>, micros: i64) {
        sql.push_bind(micros);
    }

    fn push_ip(sql: &mut QueryBuilder<Self>, _: &ipnet::IpNet) {
        sql.push("ip_address IS NOT NULL");
    }

    fn push_prefix(sql: &mut QueryBuilder<Self>, column: &str, beginning: &str) {
        sql.push(format_args!("substr({column}, 1, "))
            .push_bind(i64::try_from(beginning.chars().count()).unwrap_or(i64::MAX));
        sql.push(") = ").push_bind(beginning.to_owned());
    }

    fn push_metadata(sql: &mut QueryBuilder<Self>, path: &Path, pattern: &Pattern) {
        sql.push("(instr(metadata, ").push_bind(path.key_text()).push(") > 0 AND (FALSE");
        let texts = match pattern {
            Pattern::Exact(text) => readings(text).iter().map(canonical).collect(),
            Pattern::Prefix(beginning) => vec![sql::json_prefix(beginning)],
        };
        for text in texts {
            sql.push(" OR instr(metadata, ").push_bind(text).push(") > 0");
        }
        sql.push("))");
    }

    fn push_anywhere(sql: &mut QueryBuilder<Self>, text: &str) {
        let lower = text.to_ascii_lowercase();
        sql.push(format_args!("(instr(lower({}), ", sql::all_text("char(10)")));
        let within = sql::json_inner(&lower);
        sql.push_bind(lower).push(") > 0 OR instr(lower(metadata), ").push_bind(within).push(") > 0)");
    }
}

/// A value as the column holds it (RFC 8785).
fn canonical(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).unwrap_or_default()
}

/// A time, from microseconds since 1970.
pub(crate) fn time(row: &SqliteRow, column: &'static str) -> Result<DateTime<Utc>, sqlx::Error> {
    let micros: i64 = row.try_get(column)?;
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| sqlx::Error::ColumnDecode { index: column.to_owned(), source: "no time".into() })
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::migrate::migrate_sqlite;

    async fn plan(connection: &mut SqliteConnection, query: &Query) -> String {
        let plan = plan_of(query);
        let statement = select_rows(&plan, plan.span, plan.place, 50);
        let explain = format!("EXPLAIN QUERY PLAN {}", statement.sql().as_str());
        let steps = sqlx::query(AssertSqlSafe(explain)).fetch_all(connection).await.unwrap();
        steps.iter().map(|step| step.get::<String, _>("detail")).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn an_answer_that_takes_too_long_is_given_up_and_the_next_is_not() {
        let (_folder, file) = File::of_a_test();
        migrate_sqlite(&file).await.unwrap();
        let mut writer = file.open(Access::Write).await.unwrap();
        let rows = "INSERT INTO audit_logs (id, actor_type, action, target_type, metadata, created_at, outcome, stream_id, seq)
                    WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n LIMIT 5000)
                    SELECT randomblob(16), 'user', 'door.opened', 'door', '{}', i, 'success', zeroblob(16), i FROM n";
        sqlx::raw_sql(rows).execute(&mut writer).await.unwrap();
        let mut reader = Sqlite::connect(&file.describe()).await.unwrap();
        let rare = Query::new().outcome(crate::Outcome::Denied);

        reader.statement_limit = Duration::ZERO;
        let error = reader.page(&rare, Duration::ZERO).await.unwrap_err();
        assert!(error.to_string().contains("narrow the question"), "{error}");
        reader.statement_limit = STATEMENT_LIMIT;
        assert_eq!(reader.page(&rare, Duration::ZERO).await.unwrap().rows, []);
    }

    fn asked(text: &str) -> Query {
        text.parse::<crate::query::Filter>().unwrap().into()
    }

    #[tokio::test]
    async fn every_question_searches_the_index_that_fewest_rows_meet() {
        let (_folder, file) = File::of_a_test();
        migrate_sqlite(&file).await.unwrap();
        let mut connection = file.open(Access::Read).await.unwrap();
        let all = Query::new().action("a").actor("b").target_id("c").request_id("d");
        for (query, index) in [
            (Query::new(), "created_at"),
            (Query::new().outcome(crate::Outcome::Denied), "created_at"),
            (asked("-actor:b -action:a"), "created_at"),
            (asked("actor:user/b action:a"), "actor_created"),
            (asked("target:a/b actor:c \"free text\""), "target_created"),
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
