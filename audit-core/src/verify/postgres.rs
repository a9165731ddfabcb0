//! A snapshot of PostgreSQL.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::scope::Scope;
use super::source::{
    self, DeadLetter, PAGE, PrunedLeaf, RowPage, Source, StoredCheckpoint, StoredHeader, StoredLeaf, TABLES, TimedLeaf,
};
use super::{Break, decode};
use crate::Row;
use crate::batch::{Hash, Header};
use crate::query::sql::POSTGRES_ROW as ROW_COLUMNS;
use crate::retention::StoredPruning;
use crate::store::postgres::{address, answer, close, connect_bare, store_error, time};
use crate::store::{BoxFuture, Schema, StoreError};

/// One snapshot for all cursors. Plans by index begin at once, where sorting would write the whole log to disk first. A search path
/// that is the database's or the user's could lead to other functions and operators than PostgreSQL's.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL search_path = pg_catalog, pg_temp; \
     SET LOCAL statement_timeout = '10min'; \
     SET LOCAL lock_timeout = '10s'; SET LOCAL row_security = off; \
     SET LOCAL idle_in_transaction_session_timeout = '10min'; \
     SET LOCAL cursor_tuple_fraction = 0.0001";
/// A little longer than a statement may take, so that the server says what it was.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(605);

/// The first oid of what PostgreSQL did not bring along.
const FIRST_OF_USERS: u32 = 16_384;

/// What [`decode::header`](super::decode::header) reads.
pub(crate) const HEADER_COLUMNS: &str = "stream_id, batch_no, kind, first_seq, n::bigint AS n, first_created, last_created, \
     rows_root, prev_hash, writer_time, key_id, sig, db_time";

pub(super) struct Postgres {
    connection: PgConnection,
    /// Quoted.
    schema: String,
    action: String,
}

impl Postgres {
    pub(super) async fn open(url: &str, schema: &Schema, scope: &Scope) -> Result<Self, StoreError> {
        let server = address::parse(url)?;
        let connection = connect_bare(&server, "audit-verify").await?;
        let schema = schema.quoted();
        let action = format!("cannot read {}", address::describe(&server));
        let mut source = Self { connection, schema: schema.clone(), action };
        let (of_headers, of_rows) = conditions(scope, &schema);
        let cursors = [
            BEGIN.to_owned(),
            format!(
                "DECLARE audit_headers NO SCROLL CURSOR FOR
                 SELECT {HEADER_COLUMNS} FROM {schema}.audit_batches ORDER BY stream_id, batch_no"
            ),
            format!(
                "DECLARE audit_headers_in_time NO SCROLL CURSOR FOR
                 SELECT {HEADER_COLUMNS} FROM {schema}.audit_batches WHERE {of_headers} ORDER BY first_created"
            ),
            format!(
                "DECLARE audit_rows NO SCROLL CURSOR FOR
                 SELECT {ROW_COLUMNS} FROM {schema}.audit_logs WHERE {of_rows} ORDER BY created_at"
            ),
            format!(
                "DECLARE audit_letters NO SCROLL CURSOR FOR
                 SELECT stream_id, batch_no, idx, leaf_hash, encoded FROM {schema}.audit_dead_letters"
            ),
            format!(
                "DECLARE audit_leaves NO SCROLL CURSOR FOR
                 SELECT leaf, stream_id, batch_no, leaf_hash FROM {schema}.audit_tree ORDER BY stream_id, batch_no"
            ),
            format!(
                "DECLARE audit_leaves_in_order NO SCROLL CURSOR FOR
                 SELECT leaf, stream_id, batch_no, leaf_hash FROM {schema}.audit_tree ORDER BY leaf"
            ),
            format!(
                "DECLARE audit_stated NO SCROLL CURSOR FOR
                 SELECT size, root_hash, note FROM {schema}.audit_checkpoints ORDER BY size"
            ),
            format!("DECLARE audit_pruned NO SCROLL CURSOR FOR SELECT * FROM {schema}.audit_prunings ORDER BY no"),
            format!(
                "DECLARE audit_kept_leaves NO SCROLL CURSOR FOR
                 SELECT * FROM {schema}.audit_pruned_leaves
                  ORDER BY stream_id, batch_no, idx"
            ),
            format!(
                "DECLARE audit_kept_leaves_in_time NO SCROLL CURSOR FOR
                 SELECT stream_id, batch_no, pruning_no, idx, leaf_hash, first_created
                   FROM {schema}.audit_pruned_leaves JOIN {schema}.audit_batches USING (stream_id, batch_no)
                  WHERE {of_headers} ORDER BY first_created"
            ),
        ];
        let declared = sqlx::raw_sql(AssertSqlSafe(cursors.join(";"))).execute(&mut source.connection);
        answer(ANSWER_TIMEOUT, &source.action, declared).await?;
        Ok(source)
    }

    async fn fetch(&mut self, cursor: &str) -> Result<Vec<PgRow>, StoreError> {
        self.ask(format!("FETCH {PAGE} FROM {cursor}")).await
    }

    /// Behind a pooler a prepared statement may be another session's, so that none is kept.
    async fn ask(&mut self, sql: String) -> Result<Vec<PgRow>, StoreError> {
        let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(&mut self.connection);
        answer(ANSWER_TIMEOUT, &self.action, rows).await
    }

    async fn header_page(&mut self, cursor: &str) -> Result<Vec<Result<StoredHeader, Break>>, StoreError> {
        Ok(self.fetch(cursor).await?.iter().map(decode::header).collect())
    }

    async fn row_page(&mut self) -> Result<Option<RowPage>, StoreError> {
        let rows = self.fetch("audit_rows").await?;
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(Box::new(move || rows.iter().map(decode::row).collect())))
    }

    fn select_rows_of(&self, header: &Header) -> String {
        format!(
            "SELECT {ROW_COLUMNS} FROM {}.audit_logs
              WHERE stream_id = '{}' AND seq >= {first} AND seq < {first}::bigint + {}
                AND created_at BETWEEN '{}' AND '{}'",
            self.schema,
            header.stream_id,
            header.n,
            exact(header.first_created),
            exact(header.last_created),
            first = header.first_seq,
        )
    }

    async fn page<T>(
        &mut self,
        cursor: &str,
        decode: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.fetch(cursor).await?;
        rows.iter().map(decode).collect::<Result<_, _>>().map_err(|error| store_error(&self.action, error))
    }
}

fn exact(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Which tables of the log, their partitions included, need not show everybody the same: views, foreign tables, tables with rules
/// or policies, tables that others inherit from, and those whose columns are of types that come not with PostgreSQL. Then
/// `audit_logs`, if somebody made a function of the casts by which its rows are read.
fn disguised(schema: &str) -> String {
    format!(
        "WITH RECURSIVE part AS (
             SELECT c.oid, c.relname, c.relkind, c.relhasrules OR c.relrowsecurity AS decides, c.relname AS name
               FROM pg_class c WHERE c.relnamespace = to_regnamespace('{schema}') AND c.relname IN ({TABLES})
              UNION ALL
             SELECT c.oid, c.relname, c.relkind, c.relhasrules OR c.relrowsecurity OR NOT c.relispartition, p.name
               FROM part p JOIN pg_inherits i ON i.inhparent = p.oid JOIN pg_class c ON c.oid = i.inhrelid
         )
         SELECT name::text FROM part p
          WHERE p.relkind NOT IN ('r', 'p') OR p.decides
             OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = p.oid AND a.attnum > 0 AND a.atttypid >= {FIRST_OF_USERS})
          UNION
         SELECT 'audit_logs' FROM pg_cast
          WHERE oid >= {FIRST_OF_USERS}
            AND (castsource IN ('json'::regtype, 'jsonb'::regtype) AND casttarget = 'text'::regtype
                 OR castsource = 'text'::regtype AND casttarget = 'inet'::regtype)
          ORDER BY name"
    )
}

/// What of headers in time and of rows is read. Rows of a batch may be older than the time that is asked for.
fn conditions(scope: &Scope, schema: &str) -> (String, String) {
    let stream = scope.stream.map_or("true".to_owned(), |stream| format!("stream_id = '{stream}'"));
    let Some(since) = scope.since.map(exact) else { return (stream.clone(), stream) };
    let headers = format!("{stream} AND last_created >= '{since}'");
    let rows = format!(
        "{stream} AND created_at >= least('{since}', (SELECT min(first_created) FROM {schema}.audit_batches
                                                       WHERE {headers} AND n > 0 AND kind <> 'lost'))"
    );
    (headers, rows)
}

impl Source for Postgres {
    fn disguised(&mut self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let rows = self.ask(disguised(&self.schema)).await?;
            let names = rows.iter().map(|row| row.try_get("name")).collect::<Result<_, _>>();
            names.map_err(|error| store_error(&self.action, error))
        })
    }

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
        Box::pin(self.page("audit_letters", decode::dead_letter))
    }

    fn leaves_by_batch(&mut self) -> BoxFuture<'_, Result<Vec<StoredLeaf>, StoreError>> {
        Box::pin(self.page("audit_leaves", decode::leaf))
    }

    fn leaves_in_order(&mut self) -> BoxFuture<'_, Result<Vec<StoredLeaf>, StoreError>> {
        Box::pin(self.page("audit_leaves_in_order", decode::leaf))
    }

    fn checkpoints(&mut self) -> BoxFuture<'_, Result<Vec<StoredCheckpoint>, StoreError>> {
        Box::pin(self.page("audit_stated", decode::checkpoint))
    }

    fn newest_checkpoint(&mut self) -> BoxFuture<'_, Result<Option<StoredCheckpoint>, StoreError>> {
        Box::pin(async move {
            let newest = format!(
                "SELECT size, root_hash, note FROM {}.audit_checkpoints ORDER BY size DESC LIMIT 1",
                self.schema
            );
            let newest = self.ask(newest).await?.first().map(decode::checkpoint).transpose();
            newest.map_err(|error| store_error(&self.action, error))
        })
    }

    fn prunings(&mut self) -> BoxFuture<'_, Result<Vec<StoredPruning>, StoreError>> {
        Box::pin(self.page("audit_pruned", decode::pruning))
    }

    fn pruned_leaves(&mut self) -> BoxFuture<'_, Result<Vec<PrunedLeaf>, StoreError>> {
        Box::pin(self.page("audit_kept_leaves", decode::pruned_leaf))
    }

    fn pruned_leaves_in_time(&mut self) -> BoxFuture<'_, Result<Vec<TimedLeaf>, StoreError>> {
        Box::pin(
            self.page("audit_kept_leaves_in_time", |row| Ok((time(row, "first_created")?, decode::pruned_leaf(row)?))),
        )
    }

    fn row(&mut self, id: Uuid) -> BoxFuture<'_, Result<Option<Row>, StoreError>> {
        Box::pin(async move {
            let sql = format!("SELECT {ROW_COLUMNS} FROM {}.audit_logs WHERE id = '{id}'", self.schema);
            let rows = self.ask(sql).await?;
            rows.first().map(decode::whole_row).transpose()
        })
    }

    fn batch_of(&mut self, stream_id: Uuid, seq: i64) -> BoxFuture<'_, Result<Option<StoredHeader>, StoreError>> {
        Box::pin(async move {
            let sql = format!(
                "SELECT {HEADER_COLUMNS} FROM {}.audit_batches
                  WHERE stream_id = '{stream_id}' AND first_seq <= {seq} AND first_seq + n > {seq} AND kind <> 'lost'
                  ORDER BY batch_no DESC LIMIT 1",
                self.schema
            );
            Ok(self.ask(sql).await?.first().and_then(|row| decode::header(row).ok()))
        })
    }

    fn sealed_between(
        &mut self,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
        after: i64,
    ) -> BoxFuture<'_, Result<Vec<(i64, StoredHeader)>, StoreError>> {
        Box::pin(async move {
            let (since, until) = (exact(since), exact(until));
            let sql = format!(
                "SELECT {HEADER_COLUMNS}, leaf FROM {schema}.audit_tree JOIN {schema}.audit_batches USING (stream_id, batch_no)
                  WHERE leaf > {after} AND first_created < '{until}' AND last_created >= '{since}' AND n > 0 AND kind <> 'lost'
                  ORDER BY leaf LIMIT {PAGE}",
                schema = self.schema
            );
            let rows = self.ask(sql).await?;
            rows.iter().map(decode::sealed_header).collect()
        })
    }

    fn rows_of<'a>(&'a mut self, header: &'a Header) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move {
            let rows = self.ask(self.select_rows_of(header)).await?;
            rows.iter().map(decode::whole_row).collect()
        })
    }

    fn leaves_of<'a>(&'a mut self, header: &'a Header) -> BoxFuture<'a, Result<Vec<(u64, Hash)>, StoreError>> {
        Box::pin(async move {
            let (stream_id, batch_no) = (header.stream_id, header.batch_no);
            let rows = self.select_rows_of(header);
            let letters = format!(
                "SELECT stream_id, batch_no, idx, leaf_hash, encoded FROM {}.audit_dead_letters
                  WHERE stream_id = '{stream_id}' AND batch_no = {batch_no}",
                self.schema
            );
            let pruned = format!(
                "SELECT * FROM {}.audit_pruned_leaves WHERE stream_id = '{stream_id}' AND batch_no = {batch_no}",
                self.schema
            );
            let (rows, letters) = (self.ask(rows).await?, self.ask(letters).await?);
            let pruned = self.ask(pruned).await?;
            let rows = rows.iter().filter_map(|row| decode::row(row).ok());
            let letters = letters.iter().filter_map(|letter| decode::dead_letter(letter).ok());
            let pruned = pruned.iter().filter_map(|leaf| decode::pruned_leaf(leaf).ok());
            Ok(source::places(header, rows, letters, pruned))
        })
    }

    fn leaf_of(&mut self, stream_id: Uuid, batch_no: i64) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        Box::pin(async move {
            let sql = format!(
                "SELECT leaf FROM {}.audit_tree WHERE stream_id = '{stream_id}' AND batch_no = {batch_no}",
                self.schema
            );
            let leaf = self.ask(sql).await?.first().map(|row| row.try_get::<i64, _>("leaf")).transpose();
            Ok(leaf.map_err(|error| store_error(&self.action, error))?.and_then(|leaf| u64::try_from(leaf).ok()))
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
