//! Dead letters in PostgreSQL.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::visit::{Letters, Retried};
use super::{DeadLetter, DeadLetterId};
use crate::store::postgres::{address, answer, close, connect_bare, store_error};
use crate::store::{BoxFuture, Schema, StoreError};

/// Statements that are sent together are one transaction, also behind a pooler.
const LIMITS: &str =
    "SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '10s'; SET LOCAL timezone = 'UTC'; ";
/// A little longer than a statement may take, so that the server says what it was.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);

pub(super) struct Postgres {
    connection: PgConnection,
    /// Quoted.
    schema: String,
}

impl Postgres {
    pub(super) async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        let server = address::parse(url)?;
        let connection = connect_bare(&server, "audit-dead-letters").await?;
        Ok(Self { connection, schema: schema.quoted() })
    }

    async fn ask(&mut self, action: &str, sql: &str) -> Result<Vec<PgRow>, StoreError> {
        let sql = AssertSqlSafe(format!("{LIMITS}{sql}"));
        answer(ANSWER_TIMEOUT, action, sqlx::raw_sql(sql).fetch_all(&mut self.connection)).await
    }

    async fn read(&mut self, after: Option<DeadLetterId>, most: u32) -> Result<Vec<DeadLetter>, StoreError> {
        const ACTION: &str = "cannot read the dead letters";
        let after = after.map_or_else(String::new, |DeadLetterId { stream_id, batch_no, idx }| {
            format!("WHERE (stream_id, batch_no, idx) > ('{stream_id}', {batch_no}, {idx})")
        });
        let question = format!(
            "SELECT stream_id, batch_no, idx, db_time, encoded FROM {}.audit_dead_letters {after}
              ORDER BY stream_id, batch_no, idx LIMIT {most}",
            self.schema
        );
        let rows = self.ask(ACTION, &question).await?;
        rows.iter().map(letter).collect::<Result<_, _>>().map_err(|error| store_error(ACTION, error))
    }

    async fn send_again(&mut self, id: DeadLetterId) -> Result<Retried, StoreError> {
        let action = format!("cannot send dead letter {id} again");
        let DeadLetterId { stream_id, batch_no, idx } = id;
        let call = format!("SELECT {}.audit_retry_dead_letter('{stream_id}', {batch_no}, {idx})", self.schema);
        let rows = self.ask(&action, &call).await?;
        let stored = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.try_get(0));
        let stored: bool = stored.map_err(|error| store_error(action, error))?;
        Ok(if stored { Retried::Stored } else { Retried::Gone })
    }
}

fn letter(row: &PgRow) -> Result<DeadLetter, sqlx::Error> {
    let id = DeadLetterId {
        stream_id: row.try_get("stream_id")?,
        batch_no: row.try_get("batch_no")?,
        idx: row.try_get("idx")?,
    };
    Ok(DeadLetter::new(id, row.try_get("db_time")?, &row.try_get::<Vec<u8>, _>("encoded")?))
}

impl Letters for Postgres {
    fn list(&mut self, after: Option<DeadLetterId>, most: u32) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        Box::pin(self.read(after, most))
    }

    fn retry(&mut self, id: DeadLetterId) -> BoxFuture<'_, Result<Retried, StoreError>> {
        Box::pin(self.send_again(id))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
