//! A snapshot of PostgreSQL.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::time::timeout;

use super::source::{DeadLetter, PAGE, RowPage, Source, StoredHeader};
use super::{Break, decode};
use crate::store::postgres::{CLOSE_TIMEOUT, address, connect_bare, store_error, time};
use crate::store::{BoxFuture, ErrorClass, Schema, StoreError};

/// One snapshot for all cursors. Plans by index begin at once, where sorting would write the whole log to disk first.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL statement_timeout = '10min'; \
     SET LOCAL lock_timeout = '10s'; \
     SET LOCAL idle_in_transaction_session_timeout = '10min'; \
     SET LOCAL cursor_tuple_fraction = 0.0001";
/// A little longer than a statement may take, so that the server says what it was.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(605);

/// An address with a mask is none that a writer writes, and must not be taken for the one without.
const ROW_COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata::text AS metadata, \
     CASE WHEN ip_address = host(ip_address)::inet THEN host(ip_address) ELSE text(ip_address) END AS ip_address, \
     user_agent, created_at, outcome, error, duration_us, attempt_id, request_id, trace_id, span_id, tenant_id, \
     on_behalf_of, origin, recorded_at, stream_id, seq, salt, redacted::text AS redacted";
const HEADER_COLUMNS: &str = "stream_id, batch_no, kind, first_seq, n::bigint AS n, first_created, last_created, \
     rows_root, prev_hash, writer_time, key_id, sig, db_time";

pub(super) struct Postgres {
    connection: PgConnection,
    action: String,
}

impl Postgres {
    pub(super) async fn open(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        let server = address::parse(url)?;
        let connection = connect_bare(&server, "audit-verify").await?;
        let mut source = Self { connection, action: format!("cannot read {}", address::describe(&server)) };
        let schema = schema.quoted();
        let cursors = [
            BEGIN.to_owned(),
            format!(
                "DECLARE audit_headers NO SCROLL CURSOR FOR
                 SELECT {HEADER_COLUMNS} FROM {schema}.audit_batches ORDER BY stream_id, batch_no"
            ),
            format!(
                "DECLARE audit_headers_in_time NO SCROLL CURSOR FOR
                 SELECT {HEADER_COLUMNS} FROM {schema}.audit_batches ORDER BY first_created"
            ),
            format!(
                "DECLARE audit_rows NO SCROLL CURSOR FOR
                 SELECT {ROW_COLUMNS} FROM {schema}.audit_logs ORDER BY created_at"
            ),
            format!(
                "DECLARE audit_letters NO SCROLL CURSOR FOR
                 SELECT stream_id, batch_no, idx, leaf_hash, encoded FROM {schema}.audit_dead_letters"
            ),
        ];
        let declared = sqlx::raw_sql(AssertSqlSafe(cursors.join(";"))).execute(&mut source.connection);
        let declared = timeout(ANSWER_TIMEOUT, declared).await.map_err(|_| no_answer(&source.action))?;
        declared.map_err(|error| store_error(&source.action, error))?;
        Ok(source)
    }

    /// Behind a pooler a prepared statement may be another session's, so that none is kept.
    async fn fetch(&mut self, cursor: &str) -> Result<Vec<PgRow>, StoreError> {
        let sql = AssertSqlSafe(format!("FETCH {PAGE} FROM {cursor}"));
        let rows = sqlx::query(sql).persistent(false).fetch_all(&mut self.connection);
        let rows = timeout(ANSWER_TIMEOUT, rows).await.map_err(|_| no_answer(&self.action))?;
        rows.map_err(|error| store_error(&self.action, error))
    }

    async fn header_page(&mut self, cursor: &str) -> Result<Vec<Result<StoredHeader, Break>>, StoreError> {
        Ok(self.fetch(cursor).await?.iter().map(|row| decode::header(row, time)).collect())
    }

    async fn row_page(&mut self) -> Result<Option<RowPage>, StoreError> {
        let rows = self.fetch("audit_rows").await?;
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(Box::new(move || rows.iter().map(|row| decode::row(row, time)).collect())))
    }

    async fn letter_page(&mut self) -> Result<Vec<DeadLetter>, StoreError> {
        let rows = self.fetch("audit_letters").await?;
        let letters = rows.iter().map(decode::dead_letter).collect::<Result<_, _>>();
        letters.map_err(|error| store_error(&self.action, error))
    }
}

fn no_answer(action: &str) -> StoreError {
    StoreError::new(ErrorClass::Transient, action, "the server did not answer")
}

impl Source for Postgres {
    fn headers(&mut self) -> BoxFuture<'_, Result<Vec<Result<StoredHeader, Break>>, StoreError>> {
        Box::pin(self.header_page("audit_headers"))
    }

    fn headers_in_time(&mut self) -> BoxFuture<'_, Result<Vec<Result<StoredHeader, Break>>, StoreError>> {
        Box::pin(self.header_page("audit_headers_in_time"))
    }

    fn rows(&mut self) -> BoxFuture<'_, Result<Option<RowPage>, StoreError>> {
        Box::pin(self.row_page())
    }

    fn dead_letters(&mut self) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        Box::pin(self.letter_page())
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {
            let _ = timeout(CLOSE_TIMEOUT, self.connection.close()).await;
        })
    }
}
