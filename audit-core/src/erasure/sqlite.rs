//! Erasing in SQLite.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Sqlite as Db, Transaction};
use uuid::Uuid;

use super::compute::Change;
use super::place::Place;
use crate::Row;
use crate::canonical;
use crate::encoding::row_leaf;
use crate::store::sqlite::{Access, File, close, store_error};
use crate::store::{BoxFuture, ErrorClass, StoreError};
use crate::verify::decode;

pub(super) struct Sqlite {
    connection: SqliteConnection,
    action: String,
}

impl Sqlite {
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        let file = File::parse(url)?;
        let action = format!("cannot erase values in {}", file.describe());
        let mut connection = file.open(Access::Change).await?;
        // What is freed is overwritten.
        let secure = sqlx::raw_sql("PRAGMA secure_delete = ON").execute(&mut connection).await;
        secure.map_err(|error| store_error(&action, error))?;
        Ok(Self { connection, action })
    }

    async fn change_row(&mut self, row: &Row, change: &Change) -> Result<bool, StoreError> {
        let action = self.action.clone();
        let failed = |error| store_error(&action, error);
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        if read(&mut transaction, row.id, &action).await?.is_none_or(|now| now != *row) {
            transaction.rollback().await.map_err(failed)?;
            return Ok(false);
        }
        erase(&mut transaction, row.id, change).await.map_err(failed)?;
        let after = read(&mut transaction, row.id, &action).await?;
        let leaf = after.as_ref().and_then(row_leaf);
        if leaf.is_none() || leaf != row_leaf(row) {
            transaction.rollback().await.map_err(failed)?;
            let reason = "the row would have another leaf afterwards; nothing was changed";
            return Err(StoreError::new(ErrorClass::Operator, action, reason));
        }
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    async fn held(&mut self, row: &Row) -> Result<Option<Uuid>, StoreError> {
        const SQL: &str = "SELECT id FROM audit_holds h
             WHERE NOT EXISTS (SELECT 1 FROM audit_hold_releases r WHERE r.hold_id = h.id)
               AND (since IS NULL OR ?1 >= since) AND (until IS NULL OR ?1 < until)
               AND (actor_id IS NULL OR actor_id = ?2) AND (target_id IS NULL OR target_id = ?3) LIMIT 1";
        let question = sqlx::query_scalar(SQL)
            .bind(row.created_at.timestamp_micros())
            .bind(row.actor_id.as_deref())
            .bind(row.target_id.as_deref());
        question.fetch_optional(&mut self.connection).await.map_err(|error| store_error(&self.action, error))
    }
}

async fn read(connection: &mut SqliteConnection, id: Uuid, action: &str) -> Result<Option<Row>, StoreError> {
    let row = sqlx::query("SELECT * FROM audit_logs WHERE id = ?").bind(id).fetch_optional(connection).await;
    let row = row.map_err(|error| store_error(action, error))?;
    row.map(|row| decode::whole_row(&row)).transpose()
}

async fn erase(transaction: &mut Transaction<'_, Db>, id: Uuid, change: &Change) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO audit_erasing (id) VALUES (?)").bind(id).execute(&mut **transaction).await?;
    let names = change.fields.iter().map(super::Field::as_str);
    let columns = names.filter(|name| !name.contains('.')).chain(["salt"]).collect::<Vec<_>>().join(" = NULL, ");
    let update = format!("UPDATE audit_logs SET {columns} = NULL, redacted = ?, metadata = ? WHERE id = ?");
    sqlx::query(AssertSqlSafe(update))
        .bind(canonical::text(&change.redacted))
        .bind(change.metadata.as_str())
        .bind(id)
        .execute(&mut **transaction)
        .await?;
    sqlx::query("DELETE FROM audit_erasing").execute(&mut **transaction).await.map(drop)
}

impl Place for Sqlite {
    fn row(&mut self, id: Uuid) -> BoxFuture<'_, Result<Option<Row>, StoreError>> {
        Box::pin(async move { read(&mut self.connection, id, &self.action).await })
    }

    fn hold<'a>(&'a mut self, row: &'a Row) -> BoxFuture<'a, Result<Option<Uuid>, StoreError>> {
        Box::pin(self.held(row))
    }

    fn change<'a>(&'a mut self, row: &'a Row, change: &'a Change) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.change_row(row, change))
    }

    /// The WAL holds pages as they were.
    fn forget(&mut self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async {
            let cut = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut self.connection).await;
            cut.map_err(|error| store_error(&self.action, error))?;
            Ok(Vec::new())
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
