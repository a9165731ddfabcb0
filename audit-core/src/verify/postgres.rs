//! A snapshot of PostgreSQL.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::scope::Scope;
use super::source::{
    self, DeadLetter, PAGE, Proven, PrunedLeaf, RowPage, Source, StoredCheckpoint, StoredHeader, StoredLeaf, TABLES,
    TimedLeaf,
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
     SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; \
     SET LOCAL cursor_tuple_fraction = 0.0001";
/// What follows is read without an index, which could leave rows out.
const WITHOUT_INDEXES: &str = "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; \
     SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = on";
const WITH_INDEXES: &str = "SET LOCAL enable_indexscan = on; SET LOCAL enable_indexonlyscan = on; \
     SET LOCAL enable_bitmapscan = on";
/// A little longer than a statement may take, so that the server says what it was.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(605);

/// The first oid of what PostgreSQL did not bring along.
const FIRST_OF_USERS: u32 = 16_384;

/// What [`decode::header`](super::decode::header) reads.
pub(crate) const HEADER_COLUMNS: &str = "stream_id, batch_no, kind, first_seq, n::bigint AS n, first_created, last_created, \
     rows_root, prev_hash, writer_time, key_id, sig, db_time";

/// What [`decode::dead_letter`](super::decode::dead_letter) reads.
const LETTER_COLUMNS: &str = "stream_id, batch_no, idx, leaf_hash, encoded, db_time";

/// What [`decode::checkpoint`](super::decode::checkpoint) reads.
const CHECKPOINT_COLUMNS: &str = "size, root_hash, note, frontier";

/// The times that partitions are for. Of one that has no such bounds there is nothing.
type Bounds = HashMap<Oid, Span>;
/// From the first on and before the second.
type Span = (DateTime<Utc>, DateTime<Utc>);

/// The columns whose type or default decides what of a row is found, or when it came.
const COLUMNS: &str = "VALUES ('audit_logs', 'metadata', 'jsonb', NULL), ('audit_logs', 'redacted', 'jsonb', NULL), \
     ('audit_logs', 'ip_address', 'inet', NULL), ('audit_logs', 'recorded_at', 'timestamptz', 'now()'), \
     ('audit_batches', 'db_time', 'timestamptz', 'now()'), ('audit_batches', 'xid', 'xid8', 'pg_current_xact_id()'), \
     ('audit_dead_letters', 'db_time', 'timestamptz', 'now()'), ('audit_checkpoints', 'db_time', 'timestamptz', 'now()')";

pub(super) struct Postgres {
    connection: PgConnection,
    /// Quoted.
    schema: String,
    action: String,
    /// Nothing where the rows are in no table that has partitions.
    bounds: Option<Arc<Bounds>>,
}

impl Postgres {
    pub(super) async fn open(url: &str, schema: &Schema, scope: &Scope) -> Result<Self, StoreError> {
        let server = address::parse(url)?;
        let connection = connect_bare(&server, "audit-verify").await?;
        let schema = schema.quoted();
        let action = format!("cannot read {}", address::describe(&server));
        let mut source = Self { connection, schema: schema.clone(), action, bounds: None };
        let (of_headers, of_rows) = conditions(scope, &schema);
        let begun = sqlx::raw_sql(BEGIN).execute(&mut source.connection);
        answer(ANSWER_TIMEOUT, &source.action, begun).await?;
        source.bounds = source.read_bounds().await?.map(Arc::new);
        let partition = if source.bounds.is_some() { "tableoid" } else { "NULL::oid AS tableoid" };
        let cursors = [
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
                 SELECT {ROW_COLUMNS}, {partition} FROM {schema}.audit_logs WHERE {of_rows} ORDER BY created_at"
            ),
            format!(
                "DECLARE audit_letters NO SCROLL CURSOR FOR
                 SELECT {LETTER_COLUMNS} FROM {schema}.audit_dead_letters"
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
                 SELECT {CHECKPOINT_COLUMNS} FROM {schema}.audit_checkpoints ORDER BY size"
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
            WITHOUT_INDEXES.to_owned(),
            format!("DECLARE audit_counted NO SCROLL CURSOR FOR SELECT count(*) AS rows FROM {schema}.audit_logs"),
            WITH_INDEXES.to_owned(),
        ];
        let declared = sqlx::raw_sql(AssertSqlSafe(cursors.join(";"))).execute(&mut source.connection);
        answer(ANSWER_TIMEOUT, &source.action, declared).await?;
        Ok(source)
    }

    async fn read_bounds(&mut self) -> Result<Option<Bounds>, StoreError> {
        let rows = self.ask(partitions(&self.schema)).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let bounds = rows.iter().map(bounds).collect::<Result<Vec<_>, _>>();
        Ok(Some(bounds.map_err(|error| store_error(&self.action, error))?.into_iter().flatten().collect()))
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
        let bounds = self.bounds.clone();
        Ok(Some(Box::new(move || {
            let place = |row: &PgRow, proven: Proven| Proven {
                is_misplaced: bounds
                    .as_ref()
                    .is_some_and(|bounds| !is_in_its_partition(row, proven.created_at, bounds)),
                ..proven
            };
            rows.iter().map(|row| Ok(place(row, decode::row(row)?))).collect()
        })))
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

/// The partitions of the log, itself included, and what PostgreSQL says of their bounds.
fn partitions(schema: &str) -> String {
    format!(
        "SELECT c.oid, pg_get_expr(c.relpartbound, c.oid) AS bounds
           FROM pg_class l LEFT JOIN pg_inherits i ON i.inhparent = l.oid JOIN pg_class c ON c.oid IN (l.oid, i.inhrelid)
          WHERE l.oid = to_regclass('{schema}.audit_logs') AND l.relkind = 'p'"
    )
}

/// Bounds read `FOR VALUES FROM ('…') TO ('…')`.
fn bounds(row: &PgRow) -> Result<Option<(Oid, Span)>, sqlx::Error> {
    let text: Option<String> = row.try_get("bounds")?;
    let parts: Vec<_> = text.as_deref().unwrap_or_default().split('\'').collect();
    let time = |text: &str| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").ok().map(|time| time.to_utc());
    let ["FOR VALUES FROM (", first, ") TO (", end, ")"] = parts[..] else { return Ok(None) };
    let oid = row.try_get("oid")?;
    Ok(time(first).zip(time(end)).map(|bounds| (oid, bounds)))
}

/// Whoever asks for a time is led to the partition that is for it, and to no other.
fn is_in_its_partition(row: &PgRow, created_at: DateTime<Utc>, bounds: &Bounds) -> bool {
    let bounds = row.try_get("tableoid").ok().and_then(|partition: Oid| bounds.get(&partition));
    bounds.is_some_and(|(first, end)| *first <= created_at && created_at < *end)
}

/// Which tables of the log, their partitions included, need not show everybody the same: views, foreign tables, tables with rules
/// or policies, tables that others inherit from, and those whose columns are of types that come not with PostgreSQL. Then
/// those with columns of another type or default than theirs, and `audit_logs`, if somebody made a function of the casts by which its
/// rows are read.
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
          WHERE p.relkind <> CASE p.relname WHEN 'audit_logs' THEN 'p' ELSE 'r' END OR p.decides
             OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = p.oid AND a.attnum > 0 AND a.atttypid >= {FIRST_OF_USERS})
          UNION
         SELECT c.tab FROM ({COLUMNS}) c (tab, col, type, filled)
           LEFT JOIN pg_attribute a ON a.attrelid = to_regclass('{schema}.' || c.tab) AND a.attname = c.col
           LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
          WHERE a.atttypid IS DISTINCT FROM c.type::regtype OR pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM c.filled
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
    fn tables(&mut self) -> BoxFuture<'_, Result<Vec<Break>, StoreError>> {
        Box::pin(async move {
            let rows = self.ask(disguised(&self.schema)).await?;
            let disguised = rows.iter().map(|row| Ok(Break::Disguised { table: row.try_get("name")? }));
            disguised.collect::<Result<_, _>>().map_err(|error| store_error(&self.action, error))
        })
    }

    fn count(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let counted = self.page("audit_counted", |row| row.try_get::<i64, _>("rows")).await?;
            Ok(counted.iter().map(|rows| rows.unsigned_abs()).sum())
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
                "SELECT {CHECKPOINT_COLUMNS} FROM {}.audit_checkpoints ORDER BY size DESC LIMIT 1",
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
                "SELECT {LETTER_COLUMNS} FROM {}.audit_dead_letters
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
