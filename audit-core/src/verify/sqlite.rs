//! A snapshot of SQLite.

use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::scope::Scope;
use super::source::{
    self, DeadLetter, PAGE, PrunedLeaf, RowPage, Source, StoredCheckpoint, StoredHeader, StoredLeaf, TABLES, TimedLeaf,
};
use super::{Break, decode};
use crate::Row;
use crate::batch::{Hash, Header};
use crate::query::sqlite::time;
use crate::retention::StoredPruning;
use crate::store::sqlite::{Access, File, close, store_error};
use crate::store::{BoxFuture, StoreError};

/// Tables whose keys begin with a stream. One that is no id is none that pages are read by, nor that anybody would ask for.
const OF_STREAMS: [&str; 4] = ["audit_batches", "audit_dead_letters", "audit_tree", "audit_pruned_leaves"];

/// The default of `db_time`.
const NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000";
/// The next rows by their time, as its index has them.
const ROWS: &str = "SELECT rowid AS place, * FROM audit_logs WHERE created_at >= ?1 AND (created_at > ?1 OR rowid > ?2) \
     AND (?4 IS NULL OR stream_id = ?4) ORDER BY created_at, rowid LIMIT ?3";

/// The first statement that reads begins the snapshot. Nothing leads from a time to the headers, so they are sorted once, in
/// a temporary table of this connection, for which alone it may write.
fn begin(scope: &Scope) -> String {
    let since = scope.since.map(|since| format!(" AND last_created >= {}", since.timestamp_micros()));
    let stream = scope.stream.map(|stream| format!(" AND stream_id = x'{}'", stream.simple()));
    format!(
        "PRAGMA temp_store = FILE; BEGIN; PRAGMA query_only = OFF;
         CREATE TEMP TABLE audit_headers_in_time AS
         SELECT * FROM main.audit_batches WHERE length(stream_id) = 16{}{} ORDER BY first_created;
         PRAGMA query_only = ON",
        since.unwrap_or_default(),
        stream.unwrap_or_default()
    )
}

pub(super) struct Sqlite {
    connection: SqliteConnection,
    action: String,
    /// Where each page begins.
    header: (Uuid, i64),
    header_in_time: i64,
    row: (i64, i64),
    letter: (Uuid, i64, i32),
    leaf: (Uuid, i64),
    leaf_in_order: i64,
    checkpoint: i64,
    pruning: i64,
    pruned_leaf: (Uuid, i64, i32),
    /// By the place of the header in time.
    pruned_leaf_in_time: (i64, i32),
    /// Whose rows are read.
    stream: Option<Uuid>,
}

impl Sqlite {
    pub(super) async fn open(url: &str, scope: &Scope) -> Result<Self, StoreError> {
        let file = File::parse(url)?;
        let action = format!("cannot read {}", file.describe());
        let mut connection = file.open(Access::Read).await?;
        let begun = sqlx::raw_sql(AssertSqlSafe(begin(scope))).execute(&mut connection).await;
        begun.map_err(|error| store_error(&action, error))?;
        // Rows of a batch may be older than the time that is asked for.
        let first: Option<i64> = match scope.since {
            None => None,
            Some(since) => {
                let first = "SELECT min(first_created) FROM temp.audit_headers_in_time WHERE n > 0 AND kind <> 'lost'";
                let first: Result<Option<i64>, _> = sqlx::query_scalar(first).fetch_one(&mut connection).await;
                let since = since.timestamp_micros();
                Some(first.map_err(|error| store_error(&action, error))?.map_or(since, |first| first.min(since)))
            }
        };
        Ok(Self {
            connection,
            action,
            header: (Uuid::nil(), i64::MIN),
            header_in_time: 0,
            row: (first.unwrap_or(i64::MIN), i64::MIN),
            letter: (Uuid::nil(), i64::MIN, i32::MIN),
            leaf: (Uuid::nil(), i64::MIN),
            leaf_in_order: i64::MIN,
            checkpoint: i64::MIN,
            pruning: i64::MIN,
            pruned_leaf: (Uuid::nil(), i64::MIN, i32::MIN),
            pruned_leaf_in_time: (0, -1),
            stream: scope.stream,
        })
    }

    async fn header_page(&mut self) -> Result<Vec<Result<StoredHeader, Break>>, StoreError> {
        let sql = "SELECT * FROM audit_batches WHERE (stream_id, batch_no) > (?, ?) AND length(stream_id) = 16 ORDER BY stream_id, batch_no LIMIT ?";
        let (stream_id, batch_no) = self.header;
        let rows = sqlx::query(sql).bind(stream_id).bind(batch_no).bind(PAGE);
        let rows = rows.fetch_all(&mut self.connection).await;
        let read = rows.and_then(|rows| {
            if let Some(last) = rows.last() {
                self.header = (last.try_get("stream_id")?, last.try_get("batch_no")?);
            }
            Ok(rows.iter().map(decode::header).collect())
        });
        read.map_err(|error| store_error(&self.action, error))
    }

    async fn header_page_in_time(&mut self) -> Result<Vec<Result<StoredHeader, Break>>, StoreError> {
        let sql = "SELECT rowid AS place, * FROM temp.audit_headers_in_time WHERE rowid > ? ORDER BY rowid LIMIT ?";
        let rows = sqlx::query(sql).bind(self.header_in_time).bind(PAGE);
        let rows = rows.fetch_all(&mut self.connection).await;
        let read = rows.and_then(|rows| {
            if let Some(last) = rows.last() {
                self.header_in_time = last.try_get("place")?;
            }
            Ok(rows.iter().map(decode::header).collect())
        });
        read.map_err(|error| store_error(&self.action, error))
    }

    async fn row_page(&mut self) -> Result<Option<RowPage>, StoreError> {
        let (created_at, place) = self.row;
        let rows = sqlx::query(ROWS).bind(created_at).bind(place).bind(PAGE).bind(self.stream);
        let rows = rows.fetch_all(&mut self.connection).await.and_then(|rows| {
            if let Some(last) = rows.last() {
                self.row = (last.try_get("created_at")?, last.try_get("place")?);
            }
            Ok(rows)
        });
        let rows = rows.map_err(|error| store_error(&self.action, error))?;
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(Box::new(move || rows.iter().map(decode::row).collect())))
    }

    async fn letter_page(&mut self) -> Result<Vec<DeadLetter>, StoreError> {
        const SQL: &str = "SELECT stream_id, batch_no, idx, leaf_hash, encoded, db_time FROM audit_dead_letters \
             WHERE (stream_id, batch_no, idx) > (?, ?, ?) AND length(stream_id) = 16 ORDER BY stream_id, batch_no, idx LIMIT ?";
        let (stream_id, batch_no, idx) = self.letter;
        let rows = sqlx::query(SQL).bind(stream_id).bind(batch_no).bind(idx).bind(PAGE);
        let letters = rows.fetch_all(&mut self.connection).await;
        let letters = letters.and_then(|rows| rows.iter().map(decode::dead_letter).collect::<Result<Vec<_>, _>>());
        let letters = letters.map_err(|error| store_error(&self.action, error))?;
        if let Some(last) = letters.last() {
            self.letter = (last.stream_id, last.batch_no, last.idx);
        }
        Ok(letters)
    }
}

impl Sqlite {
    async fn leaf_page(&mut self) -> Result<Vec<StoredLeaf>, StoreError> {
        const SQL: &str = "SELECT leaf, stream_id, batch_no, leaf_hash FROM audit_tree WHERE (stream_id, batch_no) > (?, ?) \
             AND length(stream_id) = 16 ORDER BY stream_id, batch_no LIMIT ?";
        let (stream_id, batch_no) = self.leaf;
        let rows = sqlx::query(SQL).bind(stream_id).bind(batch_no).bind(PAGE).fetch_all(&mut self.connection).await;
        let leaves = rows.and_then(|rows| rows.iter().map(decode::leaf).collect::<Result<Vec<_>, _>>());
        let leaves = leaves.map_err(|error| store_error(&self.action, error))?;
        if let Some(last) = leaves.last() {
            self.leaf = last.place();
        }
        Ok(leaves)
    }

    async fn leaf_page_in_order(&mut self) -> Result<Vec<StoredLeaf>, StoreError> {
        const SQL: &str = "SELECT leaf, stream_id, batch_no, leaf_hash FROM audit_tree WHERE leaf > ? AND length(stream_id) = 16 ORDER BY leaf LIMIT ?";
        let rows = sqlx::query(SQL).bind(self.leaf_in_order).bind(PAGE).fetch_all(&mut self.connection).await;
        let leaves = rows.and_then(|rows| rows.iter().map(decode::leaf).collect::<Result<Vec<_>, _>>());
        let leaves = leaves.map_err(|error| store_error(&self.action, error))?;
        if let Some(last) = leaves.last() {
            self.leaf_in_order = last.leaf;
        }
        Ok(leaves)
    }

    async fn checkpoint_page(&mut self) -> Result<Vec<StoredCheckpoint>, StoreError> {
        const SQL: &str =
            "SELECT size, root_hash, note, frontier FROM audit_checkpoints WHERE size > ? ORDER BY size LIMIT ?";
        let rows = sqlx::query(SQL).bind(self.checkpoint).bind(PAGE).fetch_all(&mut self.connection).await;
        let read = rows.and_then(|rows| {
            if let Some(last) = rows.last() {
                self.checkpoint = last.try_get("size")?;
            }
            rows.iter().map(decode::checkpoint).collect()
        });
        read.map_err(|error| store_error(&self.action, error))
    }

    async fn fetch_rows_of(&mut self, header: &Header) -> Result<Vec<SqliteRow>, StoreError> {
        const SQL: &str = "SELECT * FROM audit_logs WHERE stream_id = ? AND seq >= ? AND seq < ? \
             AND created_at BETWEEN ? AND ?";
        let rows = sqlx::query(SQL)
            .bind(header.stream_id)
            .bind(header.first_seq)
            .bind(header.first_seq.saturating_add(header.n.into()))
            .bind(header.first_created.timestamp_micros())
            .bind(header.last_created.timestamp_micros());
        rows.fetch_all(&mut self.connection).await.map_err(|error| store_error(&self.action, error))
    }

    async fn pruning_page(&mut self) -> Result<Vec<StoredPruning>, StoreError> {
        const SQL: &str = "SELECT * FROM audit_prunings WHERE no > ? ORDER BY no LIMIT ?";
        let rows = sqlx::query(SQL).bind(self.pruning).bind(PAGE).fetch_all(&mut self.connection).await;
        let read = rows.and_then(|rows| {
            if let Some(last) = rows.last() {
                self.pruning = last.try_get("no")?;
            }
            rows.iter().map(decode::pruning).collect()
        });
        read.map_err(|error| store_error(&self.action, error))
    }

    async fn pruned_leaf_page(&mut self) -> Result<Vec<PrunedLeaf>, StoreError> {
        const SQL: &str = "SELECT * FROM audit_pruned_leaves WHERE (stream_id, batch_no, idx) > (?, ?, ?)
             AND length(stream_id) = 16 ORDER BY stream_id, batch_no, idx LIMIT ?";
        let (stream_id, batch_no, idx) = self.pruned_leaf;
        let rows = sqlx::query(SQL).bind(stream_id).bind(batch_no).bind(idx).bind(PAGE);
        let rows = rows.fetch_all(&mut self.connection).await;
        let read = rows.and_then(|rows| {
            if let Some(last) = rows.last() {
                self.pruned_leaf = (last.try_get("stream_id")?, last.try_get("batch_no")?, last.try_get("idx")?);
            }
            rows.iter().map(decode::pruned_leaf).collect()
        });
        read.map_err(|error| store_error(&self.action, error))
    }

    async fn pruned_leaf_page_in_time(&mut self) -> Result<Vec<TimedLeaf>, StoreError> {
        const SQL: &str = "SELECT h.rowid AS place, h.first_created, l.*
              FROM temp.audit_headers_in_time h
             CROSS JOIN audit_pruned_leaves l ON l.stream_id = h.stream_id AND l.batch_no = h.batch_no
             WHERE h.rowid >= ?1 AND (h.rowid > ?1 OR l.idx > ?2) ORDER BY h.rowid, l.idx LIMIT ?3";
        let (place, idx) = self.pruned_leaf_in_time;
        let rows = sqlx::query(SQL).bind(place).bind(idx).bind(PAGE).fetch_all(&mut self.connection).await;
        let read = rows.and_then(|rows| {
            if let Some(last) = rows.last() {
                self.pruned_leaf_in_time = (last.try_get("place")?, last.try_get("idx")?);
            }
            rows.iter().map(|row| Ok((time(row, "first_created")?, decode::pruned_leaf(row)?))).collect()
        });
        read.map_err(|error| store_error(&self.action, error))
    }
}

impl Source for Sqlite {
    fn tables(&mut self) -> BoxFuture<'_, Result<Vec<Break>, StoreError>> {
        Box::pin(async move {
            // A virtual table has no page of its own, and one that is not strict takes values of every type.
            let disguised = format!(
                "SELECT name FROM sqlite_schema WHERE name IN ({TABLES}) AND (type <> 'table' OR rootpage = 0)
                  UNION
                 SELECT name FROM pragma_table_list WHERE schema = 'main' AND name IN ({TABLES}) AND NOT strict
                  UNION
                 SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c ON c.name = 'db_time'
                  WHERE m.name IN ({TABLES}) AND c.dflt_value IS NOT ?
                  ORDER BY name"
            );
            let disguised =
                sqlx::query_scalar(AssertSqlSafe(disguised)).bind(NOW).fetch_all(&mut self.connection).await;
            let disguised = disguised.map_err(|error| store_error(&self.action, error))?;
            let mut found: Vec<_> = disguised.into_iter().map(|table| Break::Disguised { table }).collect();
            for table in OF_STREAMS {
                let nameless = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE length(stream_id) <> 16)");
                let nameless = sqlx::query_scalar(AssertSqlSafe(nameless)).fetch_one(&mut self.connection).await;
                if nameless.map_err(|error| store_error(&self.action, error))? {
                    found.push(Break::Unreadable { what: format!("a row of {table} names a stream by no id") });
                }
            }
            Ok(found)
        })
    }

    fn count(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let count = sqlx::query_scalar("SELECT count(*) FROM audit_logs NOT INDEXED");
            let count: Result<i64, _> = count.fetch_one(&mut self.connection).await;
            Ok(count.map_err(|error| store_error(&self.action, error))?.unsigned_abs())
        })
    }

    fn headers(&mut self) -> BoxFuture<'_, Result<Vec<Result<StoredHeader, Break>>, StoreError>> {
        Box::pin(self.header_page())
    }

    fn headers_in_time(&mut self) -> BoxFuture<'_, Result<Vec<Result<StoredHeader, Break>>, StoreError>> {
        Box::pin(self.header_page_in_time())
    }

    fn rows(&mut self) -> BoxFuture<'_, Result<Option<RowPage>, StoreError>> {
        Box::pin(self.row_page())
    }

    fn dead_letters(&mut self) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        Box::pin(self.letter_page())
    }

    fn leaves_by_batch(&mut self) -> BoxFuture<'_, Result<Vec<StoredLeaf>, StoreError>> {
        Box::pin(self.leaf_page())
    }

    fn leaves_in_order(&mut self) -> BoxFuture<'_, Result<Vec<StoredLeaf>, StoreError>> {
        Box::pin(self.leaf_page_in_order())
    }

    fn checkpoints(&mut self) -> BoxFuture<'_, Result<Vec<StoredCheckpoint>, StoreError>> {
        Box::pin(self.checkpoint_page())
    }

    fn newest_checkpoint(&mut self) -> BoxFuture<'_, Result<Option<StoredCheckpoint>, StoreError>> {
        const SQL: &str = "SELECT size, root_hash, note, frontier FROM audit_checkpoints ORDER BY size DESC LIMIT 1";
        Box::pin(async move {
            let newest = sqlx::query(SQL).fetch_optional(&mut self.connection).await;
            let newest = newest.and_then(|newest| newest.as_ref().map(decode::checkpoint).transpose());
            newest.map_err(|error| store_error(&self.action, error))
        })
    }

    fn prunings(&mut self) -> BoxFuture<'_, Result<Vec<StoredPruning>, StoreError>> {
        Box::pin(self.pruning_page())
    }

    fn pruned_leaves(&mut self) -> BoxFuture<'_, Result<Vec<PrunedLeaf>, StoreError>> {
        Box::pin(self.pruned_leaf_page())
    }

    fn pruned_leaves_in_time(&mut self) -> BoxFuture<'_, Result<Vec<TimedLeaf>, StoreError>> {
        Box::pin(self.pruned_leaf_page_in_time())
    }

    fn row(&mut self, id: Uuid) -> BoxFuture<'_, Result<Option<Row>, StoreError>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT * FROM audit_logs WHERE id = ?").bind(id);
            let row = row.fetch_optional(&mut self.connection).await;
            let row = row.map_err(|error| store_error(&self.action, error))?;
            row.map(|row| decode::whole_row(&row)).transpose()
        })
    }

    fn batch_of(&mut self, stream_id: Uuid, seq: i64) -> BoxFuture<'_, Result<Option<StoredHeader>, StoreError>> {
        const SQL: &str = "SELECT * FROM audit_batches WHERE stream_id = ?1 AND first_seq <= ?2 AND first_seq + n > ?2 \
             AND kind <> 'lost' ORDER BY batch_no DESC LIMIT 1";
        Box::pin(async move {
            let row = sqlx::query(SQL).bind(stream_id).bind(seq).fetch_optional(&mut self.connection).await;
            let row = row.map_err(|error| store_error(&self.action, error))?;
            Ok(row.and_then(|row| decode::header(&row).ok()))
        })
    }

    fn sealed_between(
        &mut self,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
        after: i64,
    ) -> BoxFuture<'_, Result<Vec<(i64, StoredHeader)>, StoreError>> {
        const SQL: &str = "SELECT b.*, t.leaf FROM audit_tree t
              CROSS JOIN audit_batches b ON b.stream_id = t.stream_id AND b.batch_no = t.batch_no
              WHERE t.leaf > ? AND b.first_created < ? AND b.last_created >= ? AND b.n > 0 AND b.kind <> 'lost'
              ORDER BY t.leaf LIMIT ?";
        Box::pin(async move {
            let rows = sqlx::query(SQL).bind(after).bind(until.timestamp_micros()).bind(since.timestamp_micros());
            let rows = rows.bind(PAGE).fetch_all(&mut self.connection).await;
            let rows = rows.map_err(|error| store_error(&self.action, error))?;
            rows.iter().map(decode::sealed_header).collect()
        })
    }

    fn rows_of<'a>(&'a mut self, header: &'a Header) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move {
            let rows = self.fetch_rows_of(header).await?;
            rows.iter().map(decode::whole_row).collect()
        })
    }

    fn leaves_of<'a>(&'a mut self, header: &'a Header) -> BoxFuture<'a, Result<Vec<(u64, Hash)>, StoreError>> {
        const PRUNED: &str = "SELECT * FROM audit_pruned_leaves WHERE stream_id = ? AND batch_no = ?";
        const LETTERS: &str = "SELECT stream_id, batch_no, idx, leaf_hash, encoded, db_time FROM audit_dead_letters \
             WHERE stream_id = ? AND batch_no = ?";
        Box::pin(async move {
            let rows = self.fetch_rows_of(header).await?;
            let letters = sqlx::query(LETTERS).bind(header.stream_id).bind(header.batch_no);
            let letters = letters.fetch_all(&mut self.connection).await;
            let letters = letters.map_err(|error| store_error(&self.action, error))?;
            let pruned = sqlx::query(PRUNED).bind(header.stream_id).bind(header.batch_no);
            let pruned = pruned.fetch_all(&mut self.connection).await;
            let pruned = pruned.map_err(|error| store_error(&self.action, error))?;
            let rows = rows.iter().filter_map(|row| decode::row(row).ok());
            let letters = letters.iter().filter_map(|letter| decode::dead_letter(letter).ok());
            let pruned = pruned.iter().filter_map(|leaf| decode::pruned_leaf(leaf).ok());
            Ok(source::places(header, rows, letters, pruned))
        })
    }

    fn leaf_of(&mut self, stream_id: Uuid, batch_no: i64) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        const SQL: &str = "SELECT leaf FROM audit_tree WHERE stream_id = ? AND batch_no = ?";
        Box::pin(async move {
            let leaf = sqlx::query_scalar::<_, i64>(SQL).bind(stream_id).bind(batch_no);
            let leaf =
                leaf.fetch_optional(&mut self.connection).await.map_err(|error| store_error(&self.action, error))?;
            Ok(leaf.and_then(|leaf| u64::try_from(leaf).ok()))
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::migrate_sqlite;

    /// Else every page would fetch and sort all rows of one time, of which an import may have many.
    #[tokio::test]
    async fn rows_come_in_the_order_of_an_index() {
        let (_folder, file) = File::of_a_test();
        migrate_sqlite(&file).await.unwrap();
        let mut connection = file.open(Access::Read).await.unwrap();
        let steps =
            sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {ROWS}"))).fetch_all(&mut connection).await.unwrap();
        let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
        assert_eq!(steps, ["SEARCH audit_logs USING INDEX idx_audit_logs_created_at (created_at>?)"]);
        close(connection).await;
    }
}
