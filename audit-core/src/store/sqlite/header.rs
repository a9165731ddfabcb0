//! Headers, into the file and out of it.

use sqlx::{Row as _, Sqlite, Transaction};
use uuid::Uuid;

use crate::batch::Batch;
use crate::encoding;
use crate::verify::decode;

/// The hash of a stored header, and how many of its rows are dead letters. One that cannot be read has no hash that any batch
/// has.
pub(super) async fn examine(
    transaction: &mut Transaction<'_, Sqlite>,
    stream_id: Uuid,
    batch_no: i64,
) -> Result<Option<(Vec<u8>, u64)>, sqlx::Error> {
    let question = "SELECT *, (SELECT count(*) FROM audit_dead_letters d
                                WHERE d.stream_id = b.stream_id AND d.batch_no = b.batch_no) AS dead_letters
                      FROM audit_batches b WHERE stream_id = ? AND batch_no = ?";
    let row = sqlx::query(question).bind(stream_id).bind(batch_no).fetch_optional(&mut **transaction).await?;
    let Some(row) = row else { return Ok(None) };
    let hash = decode::header(&row).map(|stored| encoding::header_hash(&stored.header).to_vec()).unwrap_or_default();
    Ok(Some((hash, row.try_get::<i64, _>("dead_letters")?.unsigned_abs())))
}

/// Inserts the header and gives back when, by SQLite's clock, in µs.
pub(super) async fn insert(transaction: &mut Transaction<'_, Sqlite>, batch: &Batch) -> Result<i64, sqlx::Error> {
    let header = batch.header();
    sqlx::query_scalar(
        "INSERT INTO audit_batches (stream_id, batch_no, kind, first_seq, n, first_created, last_created, rows_root,
                                    prev_hash, writer_time, key_id, sig)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         RETURNING db_time",
    )
    .bind(header.stream_id)
    .bind(header.batch_no)
    .bind(header.kind.as_str())
    .bind(header.first_seq)
    .bind(header.n)
    .bind(header.first_created.timestamp_micros())
    .bind(header.last_created.timestamp_micros())
    .bind(header.rows_root.as_slice())
    .bind(header.prev_hash.as_slice())
    .bind(header.writer_time.timestamp_micros())
    .bind(header.key_id.as_deref())
    .bind(header.sig.as_deref())
    .fetch_one(&mut **transaction)
    .await
}
