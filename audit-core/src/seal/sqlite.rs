//! The tree in SQLite. Headers that are not in it stand in `audit_unsealed`, where a trigger puts them.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection as _, Row as _, Sqlite as Db, Transaction};

use super::place::{Leaf, PAGE, Place, Step, Stored, Tree};
use crate::batch::HeaderKind;
use crate::encoding;
use crate::store::sqlite::{Access, File, close, store_error};
use crate::store::{BoxFuture, Columns as _, StoreError};
use crate::verify::decode;

pub(super) struct Sqlite {
    file: File,
}

impl Sqlite {
    pub(super) fn new(url: &str) -> Result<Self, StoreError> {
        Ok(Self { file: File::parse(url)? })
    }
}

impl Place for Sqlite {
    fn describe(&self) -> String {
        self.file.describe()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Tree>, StoreError>> {
        Box::pin(async {
            let connection = self.file.open(Access::Write).await?;
            Ok(Box::new(Connected { connection, action: format!("cannot seal {}", self.file.describe()) })
                as Box<dyn Tree>)
        })
    }
}

struct Connected {
    connection: SqliteConnection,
    /// What fails, for errors.
    action: String,
}

impl Connected {
    fn failed(&self) -> impl Fn(sqlx::Error) -> StoreError + use<> {
        let action = self.action.clone();
        move |error| store_error(action.clone(), error)
    }

    async fn put_into_tree(&mut self) -> Result<Step, StoreError> {
        let failed = self.failed();
        let waits = "SELECT EXISTS (SELECT 1 FROM audit_unsealed)";
        let waits: bool = sqlx::query_scalar(waits).fetch_one(&mut self.connection).await.map_err(&failed)?;
        if !waits {
            return Ok(Step::Sealed { headers: 0, watermark: 0, is_whole: true });
        }
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let headers = seal(&mut transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(Step::Sealed { headers, watermark: 0, is_whole: headers < PAGE.into() })
    }

    async fn read_leaves(&mut self, from: u64) -> Result<Vec<Leaf>, StoreError> {
        const SQL: &str = "SELECT stream_id, batch_no, leaf_hash FROM audit_tree WHERE leaf >= ? ORDER BY leaf LIMIT ?";
        let rows = sqlx::query(SQL).bind(signed(from)).bind(PAGE).fetch_all(&mut self.connection).await;
        let leaf = |row: &SqliteRow| -> Result<Leaf, sqlx::Error> {
            Ok(Leaf {
                stream_id: row.try_get("stream_id")?,
                batch_no: row.try_get("batch_no")?,
                hash: row.hash("leaf_hash")?,
            })
        };
        rows.and_then(|rows| rows.iter().map(leaf).collect()).map_err(self.failed())
    }

    async fn read_newest(&mut self) -> Result<Option<Stored>, StoreError> {
        const SQL: &str = "SELECT size, root_hash, note, frontier FROM audit_checkpoints ORDER BY size DESC LIMIT 1";
        let row = sqlx::query(SQL).fetch_optional(&mut self.connection).await;
        let stored = |row: &SqliteRow| -> Result<Stored, sqlx::Error> {
            Ok(Stored {
                size: row.try_get::<i64, _>("size")?.unsigned_abs(),
                root: row.hash("root_hash")?,
                watermark: 0,
                note: row.try_get("note")?,
                frontier: row.try_get::<Option<_>, _>("frontier")?.unwrap_or_default(),
            })
        };
        row.and_then(|row| row.as_ref().map(stored).transpose()).map_err(self.failed())
    }

    async fn put(&mut self, checkpoint: &Stored) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO audit_checkpoints (size, root_hash, note, frontier)
             SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM audit_checkpoints WHERE size = ?1)";
        let write = sqlx::query(SQL)
            .bind(signed(checkpoint.size))
            .bind(checkpoint.root.as_slice())
            .bind(checkpoint.note.as_str())
            .bind(checkpoint.frontier.as_slice());
        write.execute(&mut self.connection).await.map(drop).map_err(self.failed())
    }
}

/// Under the one write lock. Gives back how many headers were put into the tree.
async fn seal(transaction: &mut Transaction<'_, Db>) -> Result<u64, sqlx::Error> {
    // What follows, without a gap, what of its stream is in the tree. Of a kind that a later version brought, the header
    // cannot be read here, and its stream waits for a sealer that can.
    let ready = "SELECT b.*
                   FROM (SELECT w.stream_id, w.batch_no,
                                w.batch_no - row_number() OVER (PARTITION BY w.stream_id ORDER BY w.batch_no) AS before
                           FROM audit_unsealed w
                           JOIN audit_batches k ON k.stream_id = w.stream_id AND k.batch_no = w.batch_no
                          WHERE k.kind IN (SELECT value FROM json_each(?))) u
                   JOIN audit_batches b ON b.stream_id = u.stream_id AND b.batch_no = u.batch_no
                  WHERE u.before = coalesce((SELECT max(batch_no) FROM audit_tree t WHERE t.stream_id = u.stream_id), -1)
                  ORDER BY u.stream_id, u.batch_no LIMIT ?";
    let known = serde_json::json!(HeaderKind::ALL.map(HeaderKind::as_str)).to_string();
    let rows = sqlx::query(ready).bind(known).bind(PAGE).fetch_all(&mut **transaction).await?;
    let size = "SELECT coalesce(max(leaf) + 1, 0) FROM audit_tree";
    let size: i64 = sqlx::query_scalar(size).fetch_one(&mut **transaction).await?;
    for (place, row) in (size..).zip(&rows) {
        let stored = decode::header(row).map_err(|found| sqlx::Error::Decode(found.to_string().into()))?;
        let header = stored.header;
        let leaf = "INSERT INTO audit_tree (leaf, stream_id, batch_no, leaf_hash) VALUES (?, ?, ?, ?)";
        let leaf = sqlx::query(leaf).bind(place).bind(header.stream_id).bind(header.batch_no);
        leaf.bind(encoding::tree_leaf(&header, stored.db_time).as_slice()).execute(&mut **transaction).await?;
        let done = "DELETE FROM audit_unsealed WHERE stream_id = ? AND batch_no = ?";
        sqlx::query(done).bind(header.stream_id).bind(header.batch_no).execute(&mut **transaction).await?;
    }
    Ok(rows.len() as u64)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Tree for Connected {
    /// SQLite has no users.
    fn may_seal(&mut self) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(std::future::ready(Ok(true)))
    }

    /// SQLite has one writer at a time, so nothing is committed late, and there is no watermark.
    fn seal(&mut self, _watermark: u64) -> BoxFuture<'_, Result<Step, StoreError>> {
        Box::pin(self.put_into_tree())
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
