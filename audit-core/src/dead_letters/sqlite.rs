//! Dead letters in SQLite.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection as _, Row as _, Transaction};
use uuid::Uuid;

use super::visit::{Letters, Retried};
use super::{DeadLetter, DeadLetterId};
use crate::store::sqlite::{Access, File, close, store_error};
use crate::store::{BoxFuture, ErrorClass, StoreError};

/// The columns of a row that are text and stand in a dead letter under their own names.
const TEXTS: [&str; 14] = [
    "actor_type",
    "outcome",
    "actor_id",
    "action",
    "target_type",
    "target_id",
    "ip_address",
    "user_agent",
    "error",
    "request_id",
    "trace_id",
    "span_id",
    "tenant_id",
    "on_behalf_of",
];

pub(super) struct Sqlite {
    connection: SqliteConnection,
}

impl Sqlite {
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        Ok(Self { connection: File::parse(url)?.open(Access::Change).await? })
    }

    async fn read(&mut self, after: Option<DeadLetterId>, most: u32) -> Result<Vec<DeadLetter>, StoreError> {
        let after = after.unwrap_or(DeadLetterId { stream_id: Uuid::nil(), batch_no: -1, idx: -1 });
        let question = "SELECT stream_id, batch_no, idx, db_time, encoded FROM audit_dead_letters
                         WHERE (stream_id, batch_no, idx) > (?, ?, ?) ORDER BY stream_id, batch_no, idx LIMIT ?";
        let rows = sqlx::query(question)
            .bind(after.stream_id)
            .bind(after.batch_no)
            .bind(after.idx)
            .bind(most)
            .fetch_all(&mut self.connection)
            .await;
        let letters = rows.and_then(|rows| rows.iter().map(letter).collect());
        letters.map_err(|error| store_error("cannot read the dead letters", error))
    }

    async fn send_again(&mut self, id: DeadLetterId) -> Result<Retried, StoreError> {
        let action = || format!("cannot send dead letter {id} again");
        let failed = |error| store_error(action(), error);
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let question = "SELECT d.encoded, b.first_seq, b.db_time FROM audit_dead_letters d
                          JOIN audit_batches b ON b.stream_id = d.stream_id AND b.batch_no = d.batch_no
                         WHERE d.stream_id = ? AND d.batch_no = ? AND d.idx = ?";
        let found = sqlx::query(question).bind(id.stream_id).bind(id.batch_no).bind(id.idx);
        let Some(found) = found.fetch_optional(&mut *transaction).await.map_err(failed)? else {
            transaction.rollback().await.map_err(failed)?;
            return Ok(Retried::Gone);
        };
        let encoded: Vec<u8> = found.try_get("encoded").map_err(failed)?;
        let columns: Map<String, Value> = serde_json::from_slice(&encoded)
            .map_err(|_| StoreError::new(ErrorClass::Operator, action(), "it is none of this program's"))?;
        insert(&mut transaction, id, &found, &columns).await.map_err(failed)?;
        sqlx::query("DELETE FROM audit_dead_letters WHERE stream_id = ? AND batch_no = ? AND idx = ?")
            .bind(id.stream_id)
            .bind(id.batch_no)
            .bind(id.idx)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(Retried::Stored)
    }
}

async fn insert(
    transaction: &mut Transaction<'_, sqlx::Sqlite>,
    id: DeadLetterId,
    header: &SqliteRow,
    columns: &Map<String, Value>,
) -> Result<(), sqlx::Error> {
    let text = |column: &str| columns.get(column).and_then(Value::as_str);
    let uuid = |column: &str| text(column).and_then(|text| text.parse::<Uuid>().ok());
    let created_at = text("created_at").and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let insert = format!(
        "INSERT INTO audit_logs (stream_id, seq, recorded_at, id, created_at, salt, duration_us, attempt_id, metadata,
                                 origin, {})
         VALUES (?{})",
        TEXTS.join(", "),
        ", ?".repeat(9 + TEXTS.len())
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(insert))
        .bind(id.stream_id)
        .bind(header.try_get::<i64, _>("first_seq")? + i64::from(id.idx))
        .bind(header.try_get::<i64, _>("db_time")?)
        .bind(uuid("id"))
        .bind(created_at.map(|at| at.timestamp_micros()))
        // Sixteen bytes in hexadecimal, as a UUID is.
        .bind(uuid("salt"))
        .bind(columns.get("duration_us").and_then(Value::as_i64))
        .bind(uuid("attempt_id"))
        .bind(text("metadata_text"))
        .bind(text("origin"));
    for column in TEXTS {
        query = query.bind(text(column));
    }
    query.execute(&mut **transaction).await.map(drop)
}

fn letter(row: &SqliteRow) -> Result<DeadLetter, sqlx::Error> {
    let id = DeadLetterId {
        stream_id: row.try_get("stream_id")?,
        batch_no: row.try_get("batch_no")?,
        idx: row.try_get("idx")?,
    };
    let refused_at = DateTime::from_timestamp_micros(row.try_get("db_time")?).unwrap_or_default();
    Ok(DeadLetter::new(id, refused_at, &row.try_get::<Vec<u8>, _>("encoded")?))
}

impl Letters for Sqlite {
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
