//! Holds in PostgreSQL.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use super::Hold;
use super::visit::Place;
use crate::store::postgres::{address, answer, begin, close, connect_bare, end, store_error};
use crate::store::{BoxFuture, Schema, StoreError};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);
const ACTION: &str = "cannot see to the legal holds";

pub(super) struct Postgres {
    connection: PgConnection,
    /// Quoted.
    schema: String,
}

impl Postgres {
    pub(super) async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        let server = address::parse(url)?;
        Ok(Self { connection: connect_bare(&server, "audit-hold").await?, schema: schema.quoted() })
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    store_error(ACTION, error)
}

fn hold(row: &PgRow) -> Result<Hold, sqlx::Error> {
    Ok(Hold {
        id: row.try_get("id")?,
        added_at: row.try_get("added_at")?,
        since: row.try_get("since")?,
        until: row.try_get("until")?,
        actor_id: row.try_get("actor_id")?,
        target_id: row.try_get("target_id")?,
        reason: row.try_get("reason")?,
        added_by: row.try_get("added_by")?,
    })
}

impl Place for Postgres {
    fn active(&mut self) -> BoxFuture<'_, Result<Vec<Hold>, StoreError>> {
        Box::pin(async {
            let question = format!("SELECT * FROM {}.audit_active_holds()", self.schema);
            begin(&mut self.connection, ANSWER_TIMEOUT, ACTION).await?;
            let rows = sqlx::query(AssertSqlSafe(question)).persistent(false).fetch_all(&mut self.connection);
            let rows = answer(ANSWER_TIMEOUT, ACTION, rows).await;
            end(&mut self.connection, ANSWER_TIMEOUT, ACTION, rows)
                .await?
                .iter()
                .map(hold)
                .collect::<Result<_, _>>()
                .map_err(failed)
        })
    }

    fn add<'a>(&'a mut self, hold: &'a Hold) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let call = format!("SELECT {}.audit_add_hold($1, $2, $3, $4, $5, $6, $7)", self.schema);
            let call = sqlx::query(AssertSqlSafe(call))
                .bind(hold.id)
                .bind(hold.since)
                .bind(hold.until)
                .bind(hold.actor_id.as_deref())
                .bind(hold.target_id.as_deref())
                .bind(hold.reason.as_str())
                .bind(hold.added_by.as_str())
                .persistent(false);
            begin(&mut self.connection, ANSWER_TIMEOUT, ACTION).await?;
            let added = answer(ANSWER_TIMEOUT, ACTION, call.execute(&mut self.connection)).await.map(drop);
            end(&mut self.connection, ANSWER_TIMEOUT, ACTION, added).await
        })
    }

    fn release<'a>(&'a mut self, id: Uuid, reason: &'a str, by: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let call = format!("SELECT {}.audit_release_hold($1, $2, $3)", self.schema);
            let call = sqlx::query_scalar(AssertSqlSafe(call)).bind(id).bind(reason).bind(by).persistent(false);
            begin(&mut self.connection, ANSWER_TIMEOUT, ACTION).await?;
            let released = answer(ANSWER_TIMEOUT, ACTION, call.fetch_one(&mut self.connection)).await;
            end(&mut self.connection, ANSWER_TIMEOUT, ACTION, released).await
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
