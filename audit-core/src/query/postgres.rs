//! Answers from PostgreSQL.

mod rest;

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::filter::metadata::readings;
use super::filter::{Condition, Path, Pattern};
use super::overview::Most;
use super::plan::Plan;
use super::reader::{Reach, Source, TIME_LIMIT};
use super::sealed::{Frontier, SealedBatch};
use super::search::{self, Statements};
use super::spans::Span;
use super::sql::{self, Dialect};
use super::survey::{self, Kind};
use super::tally::{By, Tally};
use super::windows::windows;
use super::{Count, Cursor, Overview, Page, Query};
use crate::Row;
use crate::store::postgres::{Mode, address, connect_limited, store_error};
use crate::store::{BoxFuture, ErrorClass, Schema, StoreError};

/// Read-only, because a reader needs no more. Limits of the transaction, not of the session, because behind a pooler
/// the session is not ours. Custom plans, because after five runs a prepared statement turns to a generic plan, which
/// takes a hundred times as long for a rare action. No parallel workers, which the writer may need more, and no compiling,
/// which takes longer than an answer.
const BEGIN: &str = "BEGIN READ ONLY; \
     SET LOCAL statement_timeout = '4s'; \
     SET LOCAL lock_timeout = '2s'; \
     SET LOCAL idle_in_transaction_session_timeout = '10s'; \
     SET LOCAL max_parallel_workers_per_gather = 0; \
     SET LOCAL jit = off; \
     SET LOCAL plan_cache_mode = force_custom_plan";

/// What remains of a statement that ran out of time, or would have, waiting for a partition that is being dropped:
/// `query_canceled`, `lock_not_available`.
const OUT_OF_TIME: [&str; 2] = ["57014", "55P03"];

/// How long to go by the partitions that were there. Looking them up costs as much as asking a few of them.
const BOUNDS_AGE: Duration = Duration::from_mins(1);

const COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata::text AS metadata, \
     host(ip_address) AS ip_address, user_agent, created_at, outcome, error, duration_us, attempt_id, request_id, \
     trace_id, span_id, tenant_id, on_behalf_of, origin, recorded_at, stream_id, seq, salt, redacted::text AS redacted";

/// A database that is being read.
#[derive(Debug)]
pub(super) struct Postgres {
    server: address::Address,
    schema: Schema,
    /// Empty while a question is asked, and after one that failed.
    session: Mutex<Option<Session>>,
}

#[derive(Debug)]
struct Session {
    connection: PgConnection,
    /// Whether what is prepared in it stays: behind a pooler it may be another session's.
    keeps_statements: bool,
    /// Where the partitions begin, in µs since 1970, and when that was looked up.
    bounds: Option<(Instant, Vec<i64>)>,
}

impl Postgres {
    pub(super) async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        let server = address::parse(url)?;
        let session = Session::open(&server).await?;
        Ok(Self { server, schema: schema.clone(), session: Mutex::new(Some(session)) })
    }

    /// Answers within [`TIME_LIMIT`]. The session goes back only when all went well: one that was given up half-way
    /// is out of step with its server.
    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut place = self.session.lock().await;
        let mut session = self.begin(place.take()).await?;
        let mut statements = Transaction { session: &mut session, reader: self };
        let answer = timeout(TIME_LIMIT, async {
            let answer = question(&mut statements).await?;
            statements.end().await?;
            Ok(answer)
        });
        let answer = answer.await.map_err(|_| self.too_slow())??;
        *place = Some(session);
        Ok(answer)
    }

    /// Begins in the session of the question before; where the server has closed that, in a new one.
    async fn begin(&self, idle: Option<Session>) -> Result<Session, StoreError> {
        if let Some(mut session) = idle
            && let Ok(Ok(_)) = timeout(TIME_LIMIT, sqlx::raw_sql(BEGIN).execute(&mut session.connection)).await
        {
            return Ok(session);
        }
        let mut session = Session::open(&self.server).await?;
        let begun = timeout(TIME_LIMIT, sqlx::raw_sql(BEGIN).execute(&mut session.connection)).await;
        begun.map_err(|_| self.too_slow())?.map_err(|error| self.failed(error))?;
        Ok(session)
    }

    fn table(&self) -> String {
        format!("{}.audit_logs", self.schema.quoted())
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        if ran_out_of_time(&error) { self.too_slow() } else { store_error(self.action(), error) }
    }

    fn too_slow(&self) -> StoreError {
        StoreError::new(ErrorClass::Transient, self.action(), sql::too_slow())
    }

    fn action(&self) -> String {
        format!("cannot read {}", address::describe(&self.server))
    }
}

fn ran_out_of_time(error: &sqlx::Error) -> bool {
    has_code(error, &OUT_OF_TIME)
}

fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| codes.contains(&&*code))
}

impl Source for Postgres {
    fn page<'a>(&'a self, query: &'a Query, patience: Duration) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let plan = Plan::of(query, sqlx::Postgres::is_exact);
            let wanted = query.row_limit() as usize + 1;
            let reading = self.ask(async |statements| search::read(statements, &plan, wanted, patience).await).await?;
            Ok(Page::of(query, reading))
        })
    }

    fn count<'a>(&'a self, query: &'a Query, reach: Reach) -> BoxFuture<'a, Result<Count, StoreError>> {
        Box::pin(async move {
            let plan = Plan::of(query, sqlx::Postgres::is_exact);
            self.ask(async |statements| search::count(statements, &plan, reach).await).await
        })
    }

    fn overview<'a>(
        &'a self,
        query: &'a Query,
        most: Most,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Overview, StoreError>> {
        Box::pin(async move {
            let plan = Plan::of(query, sqlx::Postgres::is_exact);
            self.ask(async |statements| survey::overview(statements, &plan, most, patience).await).await
        })
    }

    fn tally<'a>(&'a self, query: &'a Query, by: By, most: usize) -> BoxFuture<'a, Result<Tally, StoreError>> {
        Box::pin(async move {
            let plan = Plan::of(query, sqlx::Postgres::is_exact);
            self.ask(async |statements| search::tally(statements, &plan, by, most).await).await
        })
    }

    fn sealed(&self, from: u64) -> BoxFuture<'_, Result<(Vec<SealedBatch>, u64), StoreError>> {
        Box::pin(self.ask(async move |statements| {
            let before = format!("{}.", self.schema.quoted());
            let rows = statements.answer(sql::select_sealed(&before, from)).await?;
            let end = statements.answer(sql::select_end(&before)).await?;
            let read = || Ok((rows.iter().map(SealedBatch::read).collect::<Result<_, _>>()?, sql::count(&end)?));
            read().map_err(|error| self.failed(error))
        }))
    }

    fn frontiers<'a>(&'a self, streams: &'a [Uuid]) -> BoxFuture<'a, Result<Vec<Frontier>, StoreError>> {
        Box::pin(self.ask(async move |statements| {
            let before = format!("{}.", self.schema.quoted());
            let rows = statements.answer(sql::select_frontiers(&before, streams)).await?;
            rows.iter().map(Frontier::read).collect::<Result<_, _>>().map_err(|error| self.failed(error))
        }))
    }

    fn unsealed_since(&self) -> BoxFuture<'_, Result<Option<DateTime<Utc>>, StoreError>> {
        Box::pin(self.ask(async |statements| {
            let since = format!(
                "SELECT min(b.db_time) FROM (SELECT * FROM {schema}.audit_batches ORDER BY xid DESC LIMIT 100) b
                  WHERE NOT EXISTS (SELECT FROM {schema}.audit_tree t WHERE t.stream_id = b.stream_id AND t.batch_no = b.batch_no)",
                schema = self.schema.quoted()
            );
            let rows = statements.answer(QueryBuilder::new(since)).await?;
            let since = rows.first().map_or(Ok(None), |row| row.try_get(0));
            since.map_err(|error| self.failed(error))
        }))
    }
}

/// The statements of one question, in one transaction.
struct Transaction<'a> {
    session: &'a mut Session,
    reader: &'a Postgres,
}

impl Transaction<'_> {
    async fn bounds(&mut self) -> Result<Vec<i64>, StoreError> {
        if let Some((seen, bounds)) = &self.session.bounds
            && seen.elapsed() < BOUNDS_AGE
        {
            return Ok(bounds.clone());
        }
        let bounds = format!("SELECT lower_bound FROM {}.audit_partitions()", self.reader.schema.quoted());
        let bounds: Vec<DateTime<Utc>> = sqlx::query_scalar(AssertSqlSafe(bounds))
            .persistent(false)
            .fetch_all(&mut self.session.connection)
            .await
            .map_err(|error| self.reader.failed(error))?;
        let bounds: Vec<_> = bounds.iter().map(DateTime::timestamp_micros).collect();
        self.session.bounds = Some((Instant::now(), bounds.clone()));
        Ok(bounds)
    }

    /// Runs a statement with a plan of its own, which is not kept.
    async fn fetch(&mut self, mut statement: QueryBuilder<sqlx::Postgres>) -> Result<Option<Vec<PgRow>>, StoreError> {
        match statement.build().persistent(false).fetch_all(&mut self.session.connection).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if ran_out_of_time(&error) => Ok(None),
            Err(error) => Err(self.reader.failed(error)),
        }
    }

    /// Runs a statement that has to be answered in time.
    async fn answer(&mut self, statement: QueryBuilder<sqlx::Postgres>) -> Result<Vec<PgRow>, StoreError> {
        self.fetch(statement).await?.ok_or_else(|| self.reader.too_slow())
    }

    async fn end(&mut self) -> Result<(), StoreError> {
        let ended = sqlx::raw_sql("COMMIT").execute(&mut self.session.connection).await;
        ended.map(drop).map_err(|error| self.reader.failed(error))
    }
}

impl Statements for Transaction<'_> {
    async fn inhabited(&mut self, _: &Plan<'_>) -> Result<Span, StoreError> {
        let first = self.bounds().await?.into_iter().min().unwrap_or(i64::MIN);
        Ok((first, Utc::now().timestamp_micros()))
    }

    async fn windows(&mut self, plan: &Plan<'_>) -> Result<Vec<Span>, StoreError> {
        Ok(windows(&self.bounds().await?, Utc::now().timestamp_micros(), plan.span, plan.travel))
    }

    async fn rows(
        &mut self,
        plan: &Plan<'_>,
        span: Span,
        place: Option<Cursor>,
        limit: usize,
    ) -> Result<Option<Vec<Row>>, StoreError> {
        let statement = select_rows(&self.reader.table(), plan, span, place, limit);
        let Some(rows) = self.fetch(statement).await? else { return Ok(None) };
        rows.iter().map(|row| sql::row(row, |error| self.reader.failed(error))).collect::<Result<_, _>>().map(Some)
    }

    async fn rest(
        &mut self,
        plan: &Plan<'_>,
        span: Span,
        place: Option<Cursor>,
        limit: usize,
    ) -> Result<Option<Vec<Row>>, StoreError> {
        self.read_rest(plan, span, place, limit).await
    }

    async fn count(&mut self, plan: &Plan<'_>, span: Span) -> Result<Option<u64>, StoreError> {
        let statement = sql::select("count(*)", &self.reader.table(), plan, span, None);
        let Some(rows) = self.fetch(statement).await? else { return Ok(None) };
        sql::count(&rows).map(Some).map_err(|error| self.reader.failed(error))
    }

    async fn tally(
        &mut self,
        plan: &Plan<'_>,
        span: Span,
        by: By,
    ) -> Result<Option<Vec<(Option<String>, u64)>>, StoreError> {
        let Some(rows) = self.fetch(sql::select_tally(&self.reader.table(), plan, span, by)).await? else {
            return Ok(None);
        };
        let tallied = rows.iter().map(sql::tallied).collect::<Result<_, _>>();
        tallied.map(Some).map_err(|error| self.reader.failed(error))
    }

    async fn kinds(&mut self, plan: &Plan<'_>, span: Span) -> Result<Option<Vec<Kind>>, StoreError> {
        let Some(rows) = self.fetch(sql::select_kinds(&self.reader.table(), plan, span)).await? else {
            return Ok(None);
        };
        let kinds = rows.iter().map(sql::kind).collect::<Result<_, _>>();
        kinds.map(Some).map_err(|error| self.reader.failed(error))
    }

    fn too_slow(&self) -> StoreError {
        self.reader.too_slow()
    }
}

fn select_rows(
    table: &str,
    plan: &Plan<'_>,
    span: Span,
    place: Option<Cursor>,
    limit: usize,
) -> QueryBuilder<sqlx::Postgres> {
    let mut statement = sql::select(COLUMNS, table, plan, span, place);
    sql::push_order(&mut statement, plan.travel, i64::try_from(limit).unwrap_or(i64::MAX));
    statement
}

impl Session {
    async fn open(server: &address::Address) -> Result<Self, StoreError> {
        let (connection, mode) = connect_limited(server, "audit-reader").await?;
        Ok(Self { connection, keeps_statements: mode == Mode::Direct, bounds: None })
    }
}

/// The text that free text is looked for in, beside the metadata. The index of `audit migrate --with text-index` is on
/// the same expression.
pub(crate) fn searched_text() -> String {
    format!("lower(({}) COLLATE \"C\")", sql::all_text("chr(10)"))
}

/// The metadata's text that free text is looked for in, of which the same is true.
pub(crate) const SEARCHED_METADATA: &str = "lower((metadata::text) COLLATE \"C\")";

impl Dialect for sqlx::Postgres {
    const DAY: &'static str = "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')";

    fn is_exact(condition: &Condition) -> bool {
        !matches!(condition, Condition::Anywhere(_) | Condition::Metadata(_, Pattern::Prefix(_)))
    }

    fn beside(column: &str) -> String {
        format!("({column} || '')")
    }

    fn push_time(sql: &mut QueryBuilder<Self>, micros: i64) {
        sql.push_bind(DateTime::from_timestamp_micros(micros).expect("the years 1 to 9999 are times"));
    }

    fn push_ip(sql: &mut QueryBuilder<Self>, network: &ipnet::IpNet) {
        sql.push("ip_address <<= ").push_bind(network.to_string()).push("::inet");
    }

    fn push_prefix(sql: &mut QueryBuilder<Self>, column: &str, beginning: &str) {
        sql.push(format_args!("starts_with({column}, ")).push_bind(beginning.to_owned()).push(")");
    }

    fn push_metadata(sql: &mut QueryBuilder<Self>, path: &Path, pattern: &Pattern) {
        match pattern {
            // One of these the metadata contain: what the text may stand for, alone or in a list.
            Pattern::Exact(text) => {
                let mut before = "(";
                for reading in readings(text) {
                    for value in [reading.clone(), vec![reading].into()] {
                        sql.push(format_args!("{before}metadata @> "));
                        sql.push_bind(path.around(value).to_string()).push("::jsonb");
                        before = " OR ";
                    }
                }
                sql.push(")");
            }
            Pattern::Prefix(beginning) => {
                sql.push("(strpos(metadata::text, ").push_bind(path.key_text()).push(") > 0");
                sql.push(" AND strpos(metadata::text, ").push_bind(sql::json_prefix(beginning)).push(") > 0)");
            }
        }
    }

    fn push_anywhere(sql: &mut QueryBuilder<Self>, text: &str) {
        let like = |text: &str| {
            let escaped: String =
                text.chars().flat_map(|c| "\\%_".contains(c).then_some('\\').into_iter().chain([c])).collect();
            format!("%{}%", escaped.to_ascii_lowercase())
        };
        sql.push(format_args!("({} LIKE ", searched_text())).push_bind(like(text));
        sql.push(format_args!(" OR {SEARCHED_METADATA} LIKE ")).push_bind(like(&sql::json_inner(text))).push(")");
    }
}
