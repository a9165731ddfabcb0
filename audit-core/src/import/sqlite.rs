//! The log in SQLite.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Row as _};
use uuid::Uuid;

use super::place::{Key, LOOK, Place, header};
use crate::batch::Header;
use crate::store::sqlite::{Access, File, close, store_error};
use crate::store::{BoxFuture, StoreError};

/// Ids in one statement, far below the 32,766 parameters that SQLite takes.
const IDS: usize = 1_000;

pub(super) struct Sqlite {
    connection: SqliteConnection,
}

impl Sqlite {
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        Ok(Self { connection: File::parse(url)?.open(Access::Read).await? })
    }

    async fn read_last_header(&mut self, stream_id: Uuid) -> Result<Option<Header>, StoreError> {
        let question = "SELECT * FROM audit_batches WHERE stream_id = ? ORDER BY batch_no DESC LIMIT 1";
        let row = sqlx::query(question).bind(stream_id).fetch_optional(&mut self.connection).await;
        row.map_err(|error| store_error(LOOK, error))?.as_ref().map(header).transpose()
    }

    async fn find(&mut self, stream_id: Uuid, keys: &[Key]) -> Result<HashMap<Uuid, Uuid>, sqlx::Error> {
        let mut known = HashMap::new();
        for keys in keys.chunks(IDS) {
            let mut question = QueryBuilder::new("SELECT id, stream_id FROM audit_logs WHERE id IN (");
            let mut ids = question.separated(", ");
            for (id, _) in keys {
                ids.push_bind(*id);
            }
            question.push(")");
            for row in question.build().persistent(false).fetch_all(&mut self.connection).await? {
                known.insert(row.try_get(0)?, row.try_get(1)?);
            }
        }
        let letters = "SELECT json_extract(CAST(encoded AS TEXT), '$.id') FROM audit_dead_letters WHERE stream_id = ?";
        let letters: Vec<String> = sqlx::query_scalar(letters).bind(stream_id).fetch_all(&mut self.connection).await?;
        known.extend(letters.iter().filter_map(|id| Some((id.parse().ok()?, stream_id))));
        Ok(known)
    }

    async fn count_rows(&mut self, stream_id: Uuid) -> Result<u64, sqlx::Error> {
        let question = "SELECT (SELECT count(*) FROM audit_logs WHERE stream_id = ?1)
                             + (SELECT count(*) FROM audit_dead_letters WHERE stream_id = ?1)";
        let count: i64 = sqlx::query_scalar(question).bind(stream_id).fetch_one(&mut self.connection).await?;
        Ok(count.unsigned_abs())
    }
}

impl Place for Sqlite {
    fn last_header(&mut self, stream_id: Uuid) -> BoxFuture<'_, Result<Option<Header>, StoreError>> {
        Box::pin(self.read_last_header(stream_id))
    }

    fn known<'a>(
        &'a mut self,
        stream_id: Uuid,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<HashMap<Uuid, Uuid>, StoreError>> {
        Box::pin(async move { self.find(stream_id, keys).await.map_err(|error| store_error(LOOK, error)) })
    }

    /// There are no partitions to make.
    fn make_room<'a>(&'a mut self, _keys: &'a [Key]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn count(&mut self, stream_id: Uuid) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move { self.count_rows(stream_id).await.map_err(|error| store_error(LOOK, error)) })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
