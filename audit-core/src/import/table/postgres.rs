//! A table in PostgreSQL, read through a cursor.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::rows::{Columns, Rows, Texts, quoted};
use crate::import::Field;
use crate::store::postgres::{address, answer, close, connect_bare, store_error};
use crate::store::{BoxFuture, StoreError};

/// One transaction sees the table as it was at one moment, however long its rows take to go into the log.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '10min'; \
     SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'";
/// A little longer than a statement may take, so that the server says what it was.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(605);
const READ: &str = "cannot read the table to import";

pub(super) struct Postgres {
    connection: PgConnection,
    /// Quoted.
    table: String,
    /// How many columns are read.
    width: usize,
}

impl Postgres {
    pub(super) async fn connect(url: &str, name: &str) -> Result<Self, StoreError> {
        let server = address::parse(url)?;
        let mut connection = connect_bare(&server, "audit-import").await?;
        answer(ANSWER_TIMEOUT, READ, sqlx::raw_sql(BEGIN).execute(&mut connection)).await?;
        let table = name.split('.').map(quoted).collect::<Vec<_>>().join(".");
        Ok(Self { connection, table, width: 0 })
    }

    async fn ask(&mut self, sql: String) -> Result<Vec<PgRow>, StoreError> {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection);
        answer(ANSWER_TIMEOUT, READ, rows).await
    }

    async fn names(&mut self) -> Result<Vec<String>, StoreError> {
        let question = "SELECT attname::text FROM pg_attribute
                         WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
        let names = sqlx::query_scalar(question).bind(&self.table).persistent(false).fetch_all(&mut self.connection);
        answer(ANSWER_TIMEOUT, READ, names).await
    }
}

impl Rows for Postgres {
    fn columns(&mut self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(self.names())
    }

    /// A unique index does, over the ids of all rows and nothing else; that of a table says nothing of the tables that inherit from it. Of texts, two
    /// may be one UUID, in upper and lower case.
    fn keeps_apart<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        let question = "SELECT EXISTS (
            SELECT FROM pg_class c
              JOIN pg_index i ON i.indrelid = c.oid
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
             WHERE c.oid = to_regclass($1) AND a.attname = $2 AND a.attnotnull AND a.atttypid = 'uuid'::regtype
               AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indnkeyatts = 1 AND i.indpred IS NULL
               AND (c.relkind = 'p' OR NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid)))";
        Box::pin(async move {
            let question = sqlx::query_scalar(question).bind(&self.table).bind(id).persistent(false);
            answer(ANSWER_TIMEOUT, READ, question.fetch_one(&mut self.connection)).await
        })
    }

    /// In the order of time, so that a batch lies in few partitions.
    fn begin<'a>(&'a mut self, columns: &'a Columns) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.width = columns.read.len();
            let texts: Vec<_> = columns.read.iter().map(|(_, column)| format!("t.{}::text", quoted(column))).collect();
            let [time, id] = [Field::CreatedAt, Field::Id].map(|field| quoted(columns.of(field)));
            let declare = format!(
                "DECLARE audit_import NO SCROLL CURSOR FOR SELECT {} FROM {} t ORDER BY t.{time}, t.{id}",
                texts.join(", "),
                self.table
            );
            self.ask(declare).await.map(drop)
        })
    }

    fn count(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let rows = self.ask(format!("SELECT count(*) FROM {}", self.table)).await?;
            let count = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.try_get::<i64, _>(0));
            count.map(i64::unsigned_abs).map_err(|error| store_error(READ, error))
        })
    }

    fn fetch(&mut self, most: u32) -> BoxFuture<'_, Result<Vec<Texts>, StoreError>> {
        Box::pin(async move {
            let rows = self.ask(format!("FETCH {most} FROM audit_import")).await?;
            let texts = |row: &PgRow| (0..self.width).map(|column| row.try_get(column)).collect::<Result<_, _>>();
            rows.iter().map(texts).collect::<Result<_, _>>().map_err(|error| store_error(READ, error))
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
