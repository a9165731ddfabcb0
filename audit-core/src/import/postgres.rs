//! The log in PostgreSQL.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use super::place::{Key, LOOK, Place, header};
use crate::batch::Header;
use crate::store::postgres::{address, answer, close, connect_bare, store_error, time};
use crate::store::{BoxFuture, Schema, StoreError};
use crate::verify::postgres::HEADER_COLUMNS;

/// Counting goes through the whole log. The session is left as it is: behind a pooler, others get it next.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(10);
const ROOM: &str = "cannot make a partition for imported rows";

pub(super) struct Postgres {
    connection: PgConnection,
    /// Quoted.
    schema: String,
    /// Bounds of partitions that exist.
    partitions: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Postgres {
    pub(super) async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        let server = address::parse(url)?;
        let connection = connect_bare(&server, "audit-import").await?;
        Ok(Self { connection, schema: schema.quoted(), partitions: Vec::new() })
    }

    async fn read_last_header(&mut self, stream_id: Uuid) -> Result<Option<Header>, StoreError> {
        let question = format!(
            "SELECT {HEADER_COLUMNS} FROM {}.audit_batches WHERE stream_id = $1 ORDER BY batch_no DESC LIMIT 1",
            self.schema
        );
        let question = sqlx::query(AssertSqlSafe(question)).bind(stream_id).persistent(false);
        let row = answer(ANSWER_TIMEOUT, LOOK, question.fetch_optional(&mut self.connection)).await?;
        row.as_ref().map(header).transpose()
    }

    /// By id and time, so that only partitions of these times are looked into.
    async fn find(&mut self, stream_id: Uuid, keys: &[Key]) -> Result<HashMap<Uuid, Uuid>, StoreError> {
        let (ids, times): (Vec<Uuid>, Vec<DateTime<Utc>>) = keys.iter().copied().unzip();
        let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return Ok(HashMap::new()) };
        let question = format!(
            "SELECT l.id, l.stream_id FROM unnest($1::uuid[], $2::timestamptz[]) AS k (id, created_at)
               JOIN {schema}.audit_logs l ON l.id = k.id AND l.created_at = k.created_at
              WHERE l.created_at BETWEEN $3 AND $4
              UNION ALL
             SELECT d.id, $5 FROM (SELECT (convert_from(encoded, 'UTF8')::jsonb->>'id')::uuid AS id
                                     FROM {schema}.audit_dead_letters WHERE stream_id = $5) d
              WHERE d.id = ANY ($1)",
            schema = self.schema
        );
        let question = sqlx::query(AssertSqlSafe(question))
            .bind(&ids)
            .bind(&times)
            .bind(first)
            .bind(last)
            .bind(stream_id)
            .persistent(false);
        let rows = answer(ANSWER_TIMEOUT, LOOK, question.fetch_all(&mut self.connection)).await?;
        let known = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, _>>();
        known.map_err(|error| store_error(LOOK, error))
    }

    async fn ensure_partition(&mut self, at: DateTime<Utc>) -> Result<(), StoreError> {
        if self.partitions.iter().rev().any(|(lower, upper)| *lower <= at && at < *upper) {
            return Ok(());
        }
        let call = format!(
            "SELECT lower_bound, upper_bound FROM {}.audit_ensure_import_partition('{}')",
            self.schema,
            at.to_rfc3339_opts(SecondsFormat::Micros, true)
        );
        let call = sqlx::query(AssertSqlSafe(call)).persistent(false);
        let row = answer(ANSWER_TIMEOUT, ROOM, call.fetch_one(&mut self.connection)).await?;
        let bounds = time(&row, "lower_bound").and_then(|lower| Ok((lower, time(&row, "upper_bound")?)));
        self.partitions.push(bounds.map_err(|error| store_error(ROOM, error))?);
        Ok(())
    }

    async fn count_rows(&mut self, stream_id: Uuid) -> Result<u64, StoreError> {
        let question = format!(
            "SELECT (SELECT count(*) FROM {schema}.audit_logs WHERE stream_id = $1)
                  + (SELECT count(*) FROM {schema}.audit_dead_letters WHERE stream_id = $1)",
            schema = self.schema
        );
        let question = sqlx::query_scalar(AssertSqlSafe(question)).bind(stream_id).persistent(false);
        let count: i64 = answer(ANSWER_TIMEOUT, LOOK, question.fetch_one(&mut self.connection)).await?;
        Ok(count.unsigned_abs())
    }
}

impl Place for Postgres {
    fn last_header(&mut self, stream_id: Uuid) -> BoxFuture<'_, Result<Option<Header>, StoreError>> {
        Box::pin(self.read_last_header(stream_id))
    }

    fn known<'a>(
        &'a mut self,
        stream_id: Uuid,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<HashMap<Uuid, Uuid>, StoreError>> {
        Box::pin(self.find(stream_id, keys))
    }

    fn make_room<'a>(&'a mut self, keys: &'a [Key]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            for (_, at) in keys {
                self.ensure_partition(*at).await?;
            }
            Ok(())
        })
    }

    fn count(&mut self, stream_id: Uuid) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.count_rows(stream_id))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
