//! From what a store gives back to what is compared, alike for every store.

use chrono::{DateTime, Utc};
use sqlx::{ColumnIndex, Decode, Type};
use uuid::Uuid;

use super::Break;
use super::source::{DeadLetter, Proven, PrunedLeaf, StoredCheckpoint, StoredHeader, StoredLeaf};
use crate::Row;
use crate::batch::{Hash, Header, HeaderKind};
use crate::query::sql;
use crate::retention::{Pruning, StoredPruning};
use crate::signing::Note;
use crate::store::{ErrorClass, StoreError};

/// Reads one of a row's times.
pub(crate) type Time<R> = fn(&R, &'static str) -> Result<DateTime<Utc>, sqlx::Error>;

pub(crate) fn whole_row<R>(row: &R, time: Time<R>) -> Result<Row, StoreError>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    sql::row(row, time, undecodable)
}

pub(super) fn row<R>(row: &R, time: Time<R>) -> Result<Proven, Break>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    whole_row(row, time).map(|row| Proven::of(&row)).map_err(|error| {
        let id = row.try_get::<Uuid, _>("id").map_or_else(|_| "without an id".to_owned(), |id| id.to_string());
        Break::Unreadable { what: format!("entry {id}: {error}") }
    })
}

pub(super) fn header<R>(row: &R, time: Time<R>) -> Result<StoredHeader, Break>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let (stream_id, batch_no) = row
        .try_get("stream_id")
        .and_then(|stream_id: Uuid| Ok((stream_id, row.try_get::<i64, _>("batch_no")?)))
        .map_err(|_| Break::Unreadable { what: "a header has no place that can be read".to_owned() })?;
    let refuse = |column: &str| Break::Unreadable {
        what: format!("{column} of the header of batch {batch_no} of stream {stream_id} cannot be read"),
    };
    let number = |column| row.try_get::<i64, _>(column).map_err(|_| refuse(column));
    let moment = |column| time(row, column).map_err(|_| refuse(column));
    let hash = |column| {
        let bytes = row.try_get::<Vec<u8>, _>(column).ok();
        bytes.and_then(|bytes| Hash::try_from(bytes).ok()).ok_or_else(|| refuse(column))
    };
    let kind = row.try_get::<String, _>("kind").ok();
    let kind = kind.as_deref().and_then(HeaderKind::parse);
    let header = Header {
        stream_id,
        batch_no,
        kind: kind.ok_or_else(|| refuse("kind"))?,
        first_seq: number("first_seq")?,
        n: i32::try_from(number("n")?).ok().filter(|n| *n >= 0).ok_or_else(|| refuse("n"))?,
        first_created: moment("first_created")?,
        last_created: moment("last_created")?,
        rows_root: hash("rows_root")?,
        prev_hash: hash("prev_hash")?,
        writer_time: moment("writer_time")?,
        key_id: row.try_get("key_id").map_err(|_| refuse("key_id"))?,
        sig: row.try_get("sig").map_err(|_| refuse("sig"))?,
    };
    Ok(StoredHeader { header, db_time: moment("db_time")? })
}

/// A header, and its place in the tree.
pub(super) fn sealed_header<R>(row: &R, time: Time<R>) -> Result<(i64, StoredHeader), StoreError>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let leaf = row.try_get("leaf").map_err(undecodable)?;
    let broken =
        |found: Break| StoreError::new(ErrorClass::Operator, "cannot read a header of the log", found.to_string());
    Ok((leaf, header(row, time).map_err(broken)?))
}

pub(super) fn dead_letter<R>(row: &R) -> Result<DeadLetter, sqlx::Error>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i32: Decode<'r, R::Database> + Type<R::Database>,
{
    let (leaf, encoded): (Vec<u8>, Vec<u8>) = (row.try_get("leaf_hash")?, row.try_get("encoded")?);
    let (stream_id, batch_no, idx) = (row.try_get("stream_id")?, row.try_get("batch_no")?, row.try_get("idx")?);
    Ok(DeadLetter::of(stream_id, batch_no, idx, &leaf, &encoded))
}

/// Names the column and not the value.
fn undecodable(error: sqlx::Error) -> StoreError {
    let column = match error {
        sqlx::Error::ColumnDecode { index, .. } => index,
        _ => "a column".to_owned(),
    };
    StoreError::new(ErrorClass::Operator, "cannot read a row of the log", format!("{column} cannot be decoded"))
}

pub(super) fn leaf<R>(row: &R) -> Result<StoredLeaf, sqlx::Error>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(StoredLeaf {
        stream_id: row.try_get("stream_id")?,
        batch_no: row.try_get("batch_no")?,
        hash: hash(row, "leaf_hash")?,
    })
}

pub(super) fn leaf_in_order<R>(row: &R) -> Result<(i64, Hash), sqlx::Error>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok((row.try_get("leaf")?, hash(row, "leaf_hash")?))
}

pub(super) fn checkpoint<R>(row: &R) -> Result<StoredCheckpoint, sqlx::Error>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let size: i64 = row.try_get("size")?;
    // A size or root that cannot be is none that a signature fits.
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    Ok(StoredCheckpoint { size, root: hash(row, "root_hash")?, note: row.try_get("note")? })
}

pub(super) fn pruned_leaf<R>(row: &R) -> Result<PrunedLeaf, sqlx::Error>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i32: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(PrunedLeaf {
        stream_id: row.try_get("stream_id")?,
        batch_no: row.try_get("batch_no")?,
        pruning_no: row.try_get("pruning_no")?,
        idx: row.try_get("idx")?,
        hash: hash(row, "leaf_hash")?,
    })
}

pub(super) fn pruning<R>(row: &R, time: Time<R>) -> Result<StoredPruning, sqlx::Error>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let count = |column| row.try_get::<i64, _>(column).map(|count| u64::try_from(count).unwrap_or(u64::MAX));
    let statement: Option<String> = row.try_get("statement")?;
    let note = statement.as_deref().and_then(|statement| statement.parse::<Note>().ok());
    let pruning = Pruning {
        no: row.try_get("no")?,
        lower_bound: time(row, "lower_bound")?,
        upper_bound: time(row, "upper_bound")?,
        rows: count("n")?,
        kept_leaves: count("leaves")?,
        leaves_root: hash(row, "leaves_root")?,
        tree_size: count("tree_size")?,
        root: hash(row, "root_hash")?,
        pruned_at: time(row, "pruned_at")?,
        pruned_by: row.try_get("pruned_by")?,
        signed_by: note.and_then(|note| note.text().split('\n').next().map(str::to_owned)),
        archive: None,
    };
    Ok(StoredPruning { pruning, statement })
}

/// A hash that has not 32 bytes is nobody's: it fits nothing.
fn hash<R>(row: &R, column: &'static str) -> Result<Hash, sqlx::Error>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(row.try_get::<Vec<u8>, _>(column)?.try_into().unwrap_or_default())
}
