//! Answers from PostgreSQL.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::reader::{Source, TIME_LIMIT};
use super::windows::{Span, windows};
use super::{Count, Page, Query, sql};
use crate::store::postgres::{address, connect_bare, store_error, time};
use crate::store::{BoxFuture, ErrorClass, Schema, StoreError};

/// Read-only, because a reader needs no more. Limits of the transaction, not of the session, because behind a pooler
/// the session is not ours. Custom plans, because after five runs a prepared statement turns to a generic plan, which
/// takes a hundred times as long for a rare action.
const BEGIN: &str = "BEGIN READ ONLY; \
     SET LOCAL statement_timeout = '10s'; \
     SET LOCAL lock_timeout = '5s'; \
     SET LOCAL idle_in_transaction_session_timeout = '10s'; \
     SET LOCAL plan_cache_mode = force_custom_plan";

/// `query_canceled`, what remains of a statement that ran out of time.
const CANCELED: &str = "57014";

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
    /// Where the partitions begin, and when that was looked up.
    bounds: Option<(Instant, Vec<DateTime<Utc>>)>,
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
        question: impl AsyncFnOnce(&mut Statements<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut place = self.session.lock().await;
        let mut session = self.begin(place.take()).await?;
        let mut statements = Statements { session: &mut session, reader: self };
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

    async fn read_page(&self, query: &Query) -> Result<Page, StoreError> {
        let rows = self
            .ask(async |statements| {
                let mut rows = Vec::new();
                let mut left = i64::from(query.row_limit()) + 1;
                for window in statements.windows(query).await? {
                    let mut statement = self.select(COLUMNS, query, window);
                    if let Some(cursor) = query.after {
                        statement.push(" AND (created_at, id) < (").push_bind(cursor.created_at);
                        statement.push(", ").push_bind(cursor.id).push(")");
                    }
                    statement.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(left);
                    for row in statements.fetch(statement).await? {
                        left -= 1;
                        rows.push(sql::row(&row, time, |error| self.failed(error))?);
                    }
                    if left == 0 {
                        break;
                    }
                }
                Ok(rows)
            })
            .await?;
        Ok(Page::cut(rows, query.row_limit()))
    }

    async fn read_count(&self, query: &Query) -> Result<Count, StoreError> {
        let counted = self
            .ask(async |statements| {
                let mut left = Count::LIMIT;
                for window in statements.windows(query).await? {
                    let mut statement = self.select("count(*) FROM (SELECT 1", query, window);
                    statement.push(" LIMIT ").push_bind(left).push(") AS counted");
                    for row in statements.fetch(statement).await? {
                        left -= row.try_get::<i64, _>(0).map_err(|error| self.failed(error))?;
                    }
                    if left == 0 {
                        break;
                    }
                }
                Ok(Count::LIMIT - left)
            })
            .await?;
        Ok(Count::of(counted))
    }

    /// Bounds come as parameters, so that the planner sees which partitions are beyond them.
    fn select(&self, what: &str, query: &Query, (since, until): Span) -> QueryBuilder<sqlx::Postgres> {
        let from = format!("SELECT {what} FROM {}.audit_logs WHERE created_at >= ", self.schema.quoted());
        let mut statement = QueryBuilder::new(from);
        statement.push_bind(since).push(" AND created_at < ").push_bind(until);
        sql::push_conditions(&mut statement, query, "");
        statement
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(CANCELED)) {
            return self.too_slow();
        }
        store_error(self.action(), error)
    }

    fn too_slow(&self) -> StoreError {
        StoreError::new(ErrorClass::Transient, self.action(), sql::too_slow())
    }

    fn action(&self) -> String {
        format!("cannot read {}", address::describe(&self.server))
    }
}

impl Source for Postgres {
    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(self.read_page(query))
    }

    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Count, StoreError>> {
        Box::pin(self.read_count(query))
    }
}

/// The statements of one question, in one transaction.
struct Statements<'a> {
    session: &'a mut Session,
    reader: &'a Postgres,
}

impl Statements<'_> {
    /// Which spans of time to look into, one statement each.
    async fn windows(&mut self, query: &Query) -> Result<Vec<Span>, StoreError> {
        let (since, until) = sql::time_range(query);
        let time = |micros| DateTime::from_timestamp_micros(micros).expect("the years 1 to 9999 are times");
        let bounds = match &self.session.bounds {
            Some((seen, bounds)) if seen.elapsed() < BOUNDS_AGE => bounds.clone(),
            _ => self.bounds().await?,
        };
        Ok(windows(&bounds, Utc::now(), (time(since), time(until))))
    }

    async fn bounds(&mut self) -> Result<Vec<DateTime<Utc>>, StoreError> {
        let bounds = format!("SELECT lower_bound FROM {}.audit_partitions()", self.reader.schema.quoted());
        let bounds: Vec<DateTime<Utc>> = sqlx::query_scalar(AssertSqlSafe(bounds))
            .persistent(false)
            .fetch_all(&mut self.session.connection)
            .await
            .map_err(|error| self.reader.failed(error))?;
        self.session.bounds = Some((Instant::now(), bounds.clone()));
        Ok(bounds)
    }

    /// Behind a pooler a prepared statement may be another session's, so that none is kept.
    async fn fetch(&mut self, mut statement: QueryBuilder<sqlx::Postgres>) -> Result<Vec<PgRow>, StoreError> {
        let rows = statement.build().persistent(false).fetch_all(&mut self.session.connection).await;
        rows.map_err(|error| self.reader.failed(error))
    }

    async fn end(&mut self) -> Result<(), StoreError> {
        let ended = sqlx::raw_sql("COMMIT").execute(&mut self.session.connection).await;
        ended.map(drop).map_err(|error| self.reader.failed(error))
    }
}

impl Session {
    async fn open(server: &PgConnectOptions) -> Result<Self, StoreError> {
        Ok(Self { connection: connect_bare(server, "audit-reader").await?, bounds: None })
    }
}
