//! Erasing in PostgreSQL. The user needs the roles of an admin and of a reader.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use super::compute::Change;
use super::place::Place;
use crate::Row;
use crate::encoding::row_leaf;
use crate::query::sql::POSTGRES_ROW;
use crate::store::postgres::{address, answer, begin, close, connect_bare, end, store_error};
use crate::store::{BoxFuture, ErrorClass, Schema, StoreError};
use crate::verify::decode;

const BEGIN: &str =
    "BEGIN; SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '10s'; SET LOCAL timezone = 'UTC'";
/// A little longer than a statement may take, so that the server says what it was.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);
/// A partition of a few gigabytes is vacuumed in minutes.
const VACUUM_TIMEOUT: Duration = Duration::from_hours(1);
const ACTION: &str = "cannot erase values";

pub(super) struct Postgres {
    connection: PgConnection,
    /// Quoted.
    schema: String,
    /// Partitions whose files still hold what was erased.
    touched: BTreeSet<String>,
}

impl Postgres {
    pub(super) async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        let server = address::parse(url)?;
        let connection = connect_bare(&server, "audit-erasure").await?;
        Ok(Self { connection, schema: schema.quoted(), touched: BTreeSet::new() })
    }

    async fn run(&mut self, sql: String, within: Duration) -> Result<(), StoreError> {
        let ran = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection);
        answer(within, ACTION, ran).await.map(drop)
    }

    /// In a transaction.
    async fn ask(&mut self, sql: String) -> Result<Vec<PgRow>, StoreError> {
        let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(&mut self.connection);
        answer(ANSWER_TIMEOUT, ACTION, rows).await
    }

    async fn read(&mut self, id: Uuid) -> Result<Option<(Row, String)>, StoreError> {
        let sql = format!(
            "SELECT {}, tableoid::regclass::text AS partition FROM {}.audit_logs WHERE id = '{id}'",
            POSTGRES_ROW, self.schema
        );
        let rows = self.ask(sql).await?;
        let Some(found) = rows.first() else { return Ok(None) };
        Ok(Some((decode::whole_row(found)?, found.try_get("partition").map_err(failed)?)))
    }

    async fn change_row(&mut self, row: &Row, change: &Change) -> Result<bool, StoreError> {
        self.run(BEGIN.to_owned(), ANSWER_TIMEOUT).await?;
        let changed = self.change_in_transaction(row, change).await;
        let end = if matches!(changed, Ok(true)) { "COMMIT" } else { "ROLLBACK" };
        self.run(end.to_owned(), ANSWER_TIMEOUT).await?;
        changed
    }

    async fn change_in_transaction(&mut self, row: &Row, change: &Change) -> Result<bool, StoreError> {
        if self.read(row.id).await?.is_none_or(|(now, _)| now != *row) {
            return Ok(false);
        }
        let fields: Vec<&str> = change.fields.iter().map(super::Field::as_str).collect();
        let call = format!("SELECT {}.audit_redact($1, $2, $3, $4)", self.schema);
        let call = sqlx::query_scalar::<_, bool>(AssertSqlSafe(call))
            .bind(row.id)
            .bind(row.created_at)
            .bind(fields)
            .bind(&change.redacted)
            .persistent(false);
        if !answer(ANSWER_TIMEOUT, ACTION, call.fetch_one(&mut self.connection)).await? {
            return Ok(false);
        }
        let Some((after, partition)) = self.read(row.id).await? else { return Ok(false) };
        if row_leaf(&after).is_none() || row_leaf(&after) != row_leaf(row) {
            let reason = "the row would have another leaf afterwards; nothing was changed";
            return Err(StoreError::new(ErrorClass::Operator, ACTION, reason));
        }
        self.touched.insert(partition);
        Ok(true)
    }

    async fn held(&mut self, row: &Row) -> Result<Option<Uuid>, StoreError> {
        let question = format!(
            "SELECT id FROM {}.audit_active_holds()
              WHERE (since IS NULL OR $1 >= since) AND (until IS NULL OR $1 < until)
                AND (actor_id IS NULL OR actor_id = $2) AND (target_id IS NULL OR target_id = $3) LIMIT 1",
            self.schema
        );
        let question = sqlx::query_scalar(AssertSqlSafe(question))
            .bind(row.created_at)
            .bind(row.actor_id.as_deref())
            .bind(row.target_id.as_deref())
            .persistent(false);
        begin(&mut self.connection, ANSWER_TIMEOUT, ACTION).await?;
        let held = answer(ANSWER_TIMEOUT, ACTION, question.fetch_optional(&mut self.connection)).await;
        end(&mut self.connection, ANSWER_TIMEOUT, ACTION, held).await
    }

    async fn read_alone(&mut self, id: Uuid) -> Result<Option<Row>, StoreError> {
        begin(&mut self.connection, ANSWER_TIMEOUT, ACTION).await?;
        let found = self.read(id).await;
        Ok(end(&mut self.connection, ANSWER_TIMEOUT, ACTION, found).await?.map(|(row, _)| row))
    }

    /// Only who owns a table may vacuum it; PostgreSQL passes over others with a mere warning.
    async fn vacuum(&mut self) -> Result<Vec<String>, StoreError> {
        let mut left = Vec::new();
        for partition in std::mem::take(&mut self.touched) {
            let question = format!(
                "SELECT pg_has_role(relowner, 'USAGE') FROM pg_catalog.pg_class WHERE oid = '{partition}'::regclass"
            );
            begin(&mut self.connection, ANSWER_TIMEOUT, ACTION).await?;
            let rows = self.ask(question).await;
            let rows = end(&mut self.connection, ANSWER_TIMEOUT, ACTION, rows).await?;
            let is_owner = rows.first().map(|row| row.try_get::<bool, _>(0)).transpose().map_err(failed)?;
            if is_owner == Some(true) {
                self.run(format!("VACUUM {partition}"), VACUUM_TIMEOUT).await?;
            } else {
                left.push(partition);
            }
        }
        Ok(left)
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    store_error(ACTION, error)
}

impl Place for Postgres {
    fn row(&mut self, id: Uuid) -> BoxFuture<'_, Result<Option<Row>, StoreError>> {
        Box::pin(self.read_alone(id))
    }

    fn hold<'a>(&'a mut self, row: &'a Row) -> BoxFuture<'a, Result<Option<Uuid>, StoreError>> {
        Box::pin(self.held(row))
    }

    fn change<'a>(&'a mut self, row: &'a Row, change: &'a Change) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.change_row(row, change))
    }

    fn forget(&mut self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(self.vacuum())
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
