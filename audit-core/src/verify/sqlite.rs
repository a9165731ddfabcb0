//! A snapshot of SQLite.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::source::{DeadLetter, PAGE, RowPage, Source, StoredHeader};
use super::{Break, decode};
use crate::query::sqlite::time;
use crate::store::sqlite::{Access, File, close, store_error};
use crate::store::{BoxFuture, StoreError};

/// The first statement that reads begins the snapshot. Nothing leads from a time to the headers, so they are sorted once, in
/// a temporary table of this connection, for which alone it may write.
const BEGIN: &str = "PRAGMA temp_store = FILE; BEGIN; PRAGMA query_only = OFF;
     CREATE TEMP TABLE audit_headers_in_time AS SELECT * FROM main.audit_batches ORDER BY first_created;
     PRAGMA query_only = ON";

pub(super) struct Sqlite {
    connection: SqliteConnection,
    action: String,
    /// Where each page begins.
    header: (Uuid, i64),
    header_in_time: i64,
    row: (i64, i64),
    letter: (Uuid, i64, i32),
}

impl Sqlite {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let file = File::parse(url)?;
        let action = format!("cannot read {}", file.describe());
        let mut connection = file.open(Access::Read).await?;
        sqlx::raw_sql(BEGIN).execute(&mut connection).await.map_err(|error| store_error(&action, error))?;
        Ok(Self {
            connection,
            action,
            header: (Uuid::nil(), -1),
            header_in_time: 0,
            row: (i64::MIN, i64::MAX),
            letter: (Uuid::nil(), -1, -1),
        })
    }

    async fn header_page(&mut self) -> Result<Vec<Result<StoredHeader, Break>>, StoreError> {
        let sql =
            "SELECT * FROM audit_batches WHERE (stream_id, batch_no) > (?, ?) ORDER BY stream_id, batch_no LIMIT ?";
        let (stream_id, batch_no) = self.header;
        let rows = sqlx::query(sql).bind(stream_id).bind(batch_no).bind(PAGE);
        let rows = rows.fetch_all(&mut self.connection).await;
        let read = rows.and_then(|rows| {
            if let Some(last) = rows.last() {
                self.header = (last.try_get("stream_id")?, last.try_get("batch_no")?);
            }
            Ok(rows.iter().map(|row| decode::header(row, time)).collect())
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
            Ok(rows.iter().map(|row| decode::header(row, time)).collect())
        });
        read.map_err(|error| store_error(&self.action, error))
    }

    async fn row_page(&mut self) -> Result<Option<RowPage>, StoreError> {
        // The index on created_at falls, so that walking it upwards meets equal times by falling rowid.
        const SQL: &str = "SELECT rowid AS place, * FROM audit_logs WHERE created_at >= ?1 AND (created_at > ?1 OR rowid < ?2) \
             ORDER BY created_at, rowid DESC LIMIT ?3";
        let (created_at, place) = self.row;
        let rows = sqlx::query(SQL).bind(created_at).bind(place).bind(PAGE);
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
        Ok(Some(Box::new(move || rows.iter().map(|row| decode::row(row, time)).collect())))
    }

    async fn letter_page(&mut self) -> Result<Vec<DeadLetter>, StoreError> {
        const SQL: &str = "SELECT stream_id, batch_no, idx, leaf_hash, encoded FROM audit_dead_letters \
             WHERE (stream_id, batch_no, idx) > (?, ?, ?) ORDER BY stream_id, batch_no, idx LIMIT ?";
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

impl Source for Sqlite {
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

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
