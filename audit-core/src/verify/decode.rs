//! From what a store gives back to what is compared, alike for every store.

use std::fmt;

use super::Break;
use super::as_written::is_as_written;
use super::source::{DeadLetter, Proven, PrunedLeaf, StoredCheckpoint, StoredHeader, StoredLeaf};
use crate::Row;
use crate::batch::{Hash, Header, HeaderKind};
use crate::query::sql;
use crate::retention::{Pruning, StoredPruning};
use crate::signing::Note;
use crate::store::{Columns, ErrorClass, StoreError};

pub(crate) fn whole_row<R: Columns>(row: &R) -> Result<Row, StoreError> {
    sql::row(row, undecodable)
}

pub(super) fn row<R: Columns>(row: &R) -> Result<Proven, Break> {
    let refuse = |reason: &dyn fmt::Display| {
        let id = row.uuid("id").map_or_else(|_| "without an id".to_owned(), |id| id.to_string());
        Break::Unreadable { what: format!("entry {id}: {reason}") }
    };
    let whole = whole_row(row).map_err(|error| refuse(&error))?;
    if !is_as_written(row, &whole).map_err(|error| refuse(&undecodable(error)))? {
        return Err(refuse(
            &"its address, its metadata, or what stands for erased values, says more than what is hashed of it, or says it otherwise: a key \
              twice, digits beyond a number's precision, a character by its number, or a space, say",
        ));
    }
    Ok(Proven::of(&whole))
}

pub(crate) fn header<R: Columns>(row: &R) -> Result<StoredHeader, Break> {
    let (stream_id, batch_no) = row
        .uuid("stream_id")
        .and_then(|stream_id| Ok((stream_id, row.number("batch_no")?)))
        .map_err(|_| Break::Unreadable { what: "a header has no place that can be read".to_owned() })?;
    let refuse = |column: &str| Break::Unreadable {
        what: format!("{column} of the header of batch {batch_no} of stream {stream_id} cannot be read"),
    };
    let number = |column| row.number(column).map_err(|_| refuse(column));
    let moment = |column| row.time(column).map_err(|_| refuse(column));
    let hash = |column| {
        let bytes = row.bytes(column).ok();
        bytes.and_then(|bytes| Hash::try_from(bytes).ok()).ok_or_else(|| refuse(column))
    };
    let kind = row.text("kind").ok();
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
        key_id: row.text_if_any("key_id").map_err(|_| refuse("key_id"))?,
        sig: row.bytes_if_any("sig").map_err(|_| refuse("sig"))?,
    };
    Ok(StoredHeader { header, db_time: moment("db_time")? })
}

/// A header, and its place in the tree.
pub(super) fn sealed_header<R: Columns>(row: &R) -> Result<(i64, StoredHeader), StoreError> {
    let leaf = row.number("leaf").map_err(undecodable)?;
    let broken =
        |found: Break| StoreError::new(ErrorClass::Operator, "cannot read a header of the log", found.to_string());
    Ok((leaf, header(row).map_err(broken)?))
}

pub(super) fn dead_letter<R: Columns>(row: &R) -> Result<DeadLetter, sqlx::Error> {
    let (leaf, encoded) = (row.bytes("leaf_hash")?, row.bytes("encoded")?);
    let stream_id = row.uuid("stream_id")?;
    Ok(DeadLetter {
        stream_id,
        batch_no: row.number("batch_no")?,
        idx: row.small("idx")?,
        leaf: DeadLetter::leaf(stream_id, &leaf, &encoded),
        db_time: row.time("db_time")?,
    })
}

/// Names the column and not the value.
fn undecodable(error: sqlx::Error) -> StoreError {
    let column = match error {
        sqlx::Error::ColumnDecode { index, .. } => index,
        _ => "a column".to_owned(),
    };
    StoreError::new(ErrorClass::Operator, "cannot read a row of the log", format!("{column} cannot be decoded"))
}

pub(super) fn leaf<R: Columns>(row: &R) -> Result<StoredLeaf, sqlx::Error> {
    Ok(StoredLeaf {
        leaf: row.number("leaf")?,
        stream_id: row.uuid("stream_id")?,
        batch_no: row.number("batch_no")?,
        hash: hash(row, "leaf_hash")?,
    })
}

pub(super) fn checkpoint<R: Columns>(row: &R) -> Result<StoredCheckpoint, sqlx::Error> {
    let size = row.number("size")?;
    // A size or root that cannot be is none that a signature fits.
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    let frontier = row.bytes_if_any("frontier")?.unwrap_or_default();
    Ok(StoredCheckpoint { size, root: hash(row, "root_hash")?, note: row.text("note")?, frontier })
}

pub(super) fn pruned_leaf<R: Columns>(row: &R) -> Result<PrunedLeaf, sqlx::Error> {
    Ok(PrunedLeaf {
        stream_id: row.uuid("stream_id")?,
        batch_no: row.number("batch_no")?,
        pruning_no: row.number("pruning_no")?,
        idx: row.small("idx")?,
        hash: hash(row, "leaf_hash")?,
    })
}

pub(super) fn pruning<R: Columns>(row: &R) -> Result<StoredPruning, sqlx::Error> {
    let count = |column| row.number(column).map(|count| u64::try_from(count).unwrap_or(u64::MAX));
    let statement = row.text_if_any("statement")?;
    let note = statement.as_deref().and_then(|statement| statement.parse::<Note>().ok());
    let pruning = Pruning {
        no: row.number("no")?,
        lower_bound: row.time("lower_bound")?,
        upper_bound: row.time("upper_bound")?,
        rows: count("n")?,
        kept_leaves: count("leaves")?,
        leaves_root: hash(row, "leaves_root")?,
        tree_size: count("tree_size")?,
        root: hash(row, "root_hash")?,
        pruned_at: row.time("pruned_at")?,
        pruned_by: row.text("pruned_by")?,
        signed_by: note.and_then(|note| note.text().split('\n').next().map(str::to_owned)),
        archive: None,
    };
    Ok(StoredPruning { pruning, statement })
}

/// A hash that is not there or has not 32 bytes is nobody's: it fits nothing.
fn hash<R: Columns>(row: &R, column: &'static str) -> Result<Hash, sqlx::Error> {
    Ok(row.bytes_if_any(column)?.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default())
}
