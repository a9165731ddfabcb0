//! The tree in PostgreSQL. The functions do the work, under one lock; the role of a sealer may call them and nothing else.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::place::{Leaf, PAGE, Place, Step, Stored, Tree};
use crate::store::postgres::{address, answer, close, connect_bare, store_error};
use crate::store::{BoxFuture, Columns as _, Schema, StoreError};

/// Statements that are sent together are one transaction, also behind a pooler.
const LIMITS: &str =
    "SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '10s'; SET LOCAL synchronous_commit = 'on'; ";
/// A little longer than a statement may take, so that the server says what it was.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(65);
const ACTION: &str = "cannot seal the log";

pub(super) struct Postgres {
    server: address::Address,
    schema: String,
}

impl Postgres {
    pub(super) fn new(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        Ok(Self { server: address::parse(url)?, schema: schema.quoted() })
    }
}

impl Place for Postgres {
    fn describe(&self) -> String {
        address::describe(&self.server)
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Tree>, StoreError>> {
        Box::pin(async {
            let connection = connect_bare(&self.server.reread(), "audit-sealer").await?;
            Ok(Box::new(Connected { connection, schema: self.schema.clone() }) as Box<dyn Tree>)
        })
    }
}

struct Connected {
    connection: PgConnection,
    /// Quoted.
    schema: String,
}

impl Connected {
    /// In a transaction of its own.
    async fn call(&mut self, sql: &str) -> Result<Vec<PgRow>, StoreError> {
        self.ask(format!("{LIMITS}{sql}")).await
    }

    async fn ask(&mut self, sql: String) -> Result<Vec<PgRow>, StoreError> {
        let sql = AssertSqlSafe(sql);
        answer(ANSWER_TIMEOUT, ACTION, sqlx::raw_sql(sql).fetch_all(&mut self.connection)).await
    }

    async fn put_into_tree(&mut self, watermark: u64) -> Result<Step, StoreError> {
        let question = format!(
            "SELECT sealed, watermark::text AS watermark, is_whole FROM {}.audit_seal('{watermark}', {PAGE})",
            self.schema
        );
        let rows = self.call(&question).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound).map_err(failed)?;
        let step = |row: &PgRow| -> Result<Step, sqlx::Error> {
            let Some(headers) = row.try_get::<Option<i32>, _>("sealed")? else { return Ok(Step::Busy) };
            let watermark = number(row, "watermark")?;
            Ok(Step::Sealed { headers: headers.unsigned_abs().into(), watermark, is_whole: row.try_get("is_whole")? })
        };
        step(row).map_err(failed)
    }

    async fn read_leaves(&mut self, from: u64) -> Result<Vec<Leaf>, StoreError> {
        let question =
            format!("SELECT stream_id, batch_no, leaf_hash FROM {}.audit_leaves({from}, {PAGE})", self.schema);
        let rows = self.call(&question).await?;
        let leaf = |row: &PgRow| -> Result<Leaf, sqlx::Error> {
            Ok(Leaf {
                stream_id: row.try_get("stream_id")?,
                batch_no: row.try_get("batch_no")?,
                hash: row.hash("leaf_hash")?,
            })
        };
        rows.iter().map(leaf).collect::<Result<_, _>>().map_err(failed)
    }

    async fn read_newest(&mut self) -> Result<Option<Stored>, StoreError> {
        let question = format!(
            "SELECT size, watermark::text AS watermark, root_hash, note, frontier FROM {}.audit_newest_checkpoint()",
            self.schema
        );
        let rows = self.call(&question).await?;
        let stored = |row: &PgRow| -> Result<Stored, sqlx::Error> {
            Ok(Stored {
                size: row.try_get::<i64, _>("size")?.unsigned_abs(),
                root: row.hash("root_hash")?,
                watermark: number(row, "watermark")?,
                note: row.try_get("note")?,
                frontier: row.try_get::<Option<_>, _>("frontier")?.unwrap_or_default(),
            })
        };
        rows.first().map(stored).transpose().map_err(failed)
    }

    async fn put(&mut self, checkpoint: &Stored) -> Result<(), StoreError> {
        self.ask(format!("BEGIN; {LIMITS}")).await?;
        self.put_in_transaction(checkpoint).await?;
        self.ask("COMMIT".to_owned()).await.map(drop)
    }

    /// Prepared, because the note is a text of people's choosing; not kept, and in a transaction, because of poolers.
    async fn put_in_transaction(&mut self, checkpoint: &Stored) -> Result<(), StoreError> {
        let call = format!("SELECT {}.audit_write_checkpoint($1, $2::text::xid8, $3, $4, $5)", self.schema);
        let call = sqlx::query(AssertSqlSafe(call))
            .bind(i64::try_from(checkpoint.size).unwrap_or(i64::MAX))
            .bind(checkpoint.watermark.to_string())
            .bind(checkpoint.root.as_slice())
            .bind(checkpoint.note.as_str())
            .bind(checkpoint.frontier.as_slice())
            .persistent(false);
        answer(ANSWER_TIMEOUT, ACTION, call.execute(&mut self.connection)).await.map(drop)
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    store_error(ACTION, error)
}

fn number(row: &PgRow, column: &str) -> Result<u64, sqlx::Error> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

impl Tree for Connected {
    fn may_seal(&mut self) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async {
            let question = format!(
                "SELECT coalesce(has_schema_privilege(to_regnamespace('{schema}'), 'USAGE'), false)
                    AND coalesce(has_function_privilege(to_regprocedure('{schema}.audit_seal(xid8, integer)'), 'EXECUTE'), false)",
                schema = self.schema
            );
            let rows = self.call(&question).await?;
            rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.try_get(0)).map_err(failed)
        })
    }

    fn seal(&mut self, watermark: u64) -> BoxFuture<'_, Result<Step, StoreError>> {
        Box::pin(self.put_into_tree(watermark))
    }

    fn leaves(&mut self, from: u64) -> BoxFuture<'_, Result<Vec<Leaf>, StoreError>> {
        Box::pin(self.read_leaves(from))
    }

    fn newest_checkpoint(&mut self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(self.read_newest())
    }

    fn write<'a>(&'a mut self, checkpoint: &'a Stored) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.put(checkpoint))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
