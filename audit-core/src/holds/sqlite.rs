//! Holds in SQLite.

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use super::Hold;
use super::visit::Place;
use crate::store::sqlite::{Access, File, close, store_error};
use crate::store::{BoxFuture, StoreError};

const ACTION: &str = "cannot see to the legal holds";

pub(super) struct Sqlite {
    connection: SqliteConnection,
}

impl Sqlite {
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        Ok(Self { connection: File::parse(url)?.open(Access::Change).await? })
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    store_error(ACTION, error)
}

fn micros(time: Option<DateTime<Utc>>) -> Option<i64> {
    time.map(|time| time.timestamp_micros())
}

fn hold(row: &SqliteRow) -> Result<Hold, sqlx::Error> {
    let time = |column| -> Result<_, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(column)?.and_then(DateTime::from_timestamp_micros))
    };
    Ok(Hold {
        id: row.try_get("id")?,
        added_at: time("added_at")?,
        since: time("since")?,
        until: time("until")?,
        actor_id: row.try_get("actor_id")?,
        target_id: row.try_get("target_id")?,
        reason: row.try_get("reason")?,
        added_by: row.try_get("added_by")?,
    })
}

impl Place for Sqlite {
    fn active(&mut self) -> BoxFuture<'_, Result<Vec<Hold>, StoreError>> {
        const SQL: &str = "SELECT * FROM audit_holds h
             WHERE NOT EXISTS (SELECT 1 FROM audit_hold_releases r WHERE r.hold_id = h.id) ORDER BY added_at, id";
        Box::pin(async {
            let rows = sqlx::query(SQL).fetch_all(&mut self.connection).await;
            rows.and_then(|rows| rows.iter().map(hold).collect()).map_err(failed)
        })
    }

    fn add<'a>(&'a mut self, hold: &'a Hold) -> BoxFuture<'a, Result<(), StoreError>> {
        const SQL: &str = "INSERT INTO audit_holds (id, since, until, actor_id, target_id, reason, added_by)
             VALUES (?, ?, ?, ?, ?, ?, ?)";
        let add = sqlx::query(SQL)
            .bind(hold.id)
            .bind(micros(hold.since))
            .bind(micros(hold.until))
            .bind(hold.actor_id.as_deref())
            .bind(hold.target_id.as_deref())
            .bind(hold.reason.as_str())
            .bind(hold.added_by.as_str());
        Box::pin(async { add.execute(&mut self.connection).await.map(drop).map_err(failed) })
    }

    fn release<'a>(&'a mut self, id: Uuid, reason: &'a str, by: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        const SQL: &str = "INSERT INTO audit_hold_releases (hold_id, reason, released_by)
             SELECT id, ?2, ?3 FROM audit_holds h
              WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM audit_hold_releases r WHERE r.hold_id = h.id)";
        let release = sqlx::query(SQL).bind(id).bind(reason).bind(by);
        Box::pin(async {
            release.execute(&mut self.connection).await.map(|done| done.rows_affected() == 1).map_err(failed)
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
