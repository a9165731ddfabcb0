//! Rows that a table refuses: kept whole beside it, in the transaction of their batch, under an unchanged header.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use super::{ErrorClass, StoreError};
use crate::batch::{Batch, FrozenRow};
use crate::{Row, canonical};

/// This many refused rows of a batch may be the rows' fault; beyond it, and beyond [`REFUSABLE_PERCENT`], the table's.
const REFUSABLE_ROWS: u64 = 10;
/// In per cent of the batch.
const REFUSABLE_PERCENT: u64 = 5;

/// Whether the last batch that a store took was refused whole. A batch of one row cannot tell a bad row from a bad
/// table; the batch before it can. All connections of a store share it, because one that failed is dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastBatch {
    refused_whole: Arc<AtomicBool>,
}

impl LastBatch {
    /// Remembers a batch that is committed.
    pub(crate) fn remember(&self, batch: &Batch, dead_lettered: u64) {
        let rows = batch.rows().len() as u64;
        if rows > 0 {
            self.refused_whole.store(dead_lettered == rows, Ordering::Relaxed);
        }
    }
}

/// Counts the refused rows of a batch.
pub(crate) struct Refusals {
    rows: u64,
    most: u64,
    /// Whether all of the rows may be refused.
    may_be_all: bool,
    pub(crate) count: u64,
}

impl Refusals {
    pub(crate) fn of(batch: &Batch, last: &LastBatch) -> Self {
        let rows = batch.rows().len() as u64;
        Self {
            rows,
            most: REFUSABLE_ROWS.max(rows * REFUSABLE_PERCENT / 100),
            may_be_all: rows == 1 && !last.refused_whole.load(Ordering::Relaxed),
            count: 0,
        }
    }

    /// Counts one more. Too many mean that the table is not what it should be, so that the whole batch has to wait for
    /// an operator.
    pub(crate) fn add(&mut self, refusal: StoreError) -> Result<(), StoreError> {
        self.count += 1;
        let too_many = if self.count > self.most {
            format!("more than {} rows of one batch are", self.most)
        } else if self.count < self.rows || self.may_be_all {
            tracing::error!(error = %refusal, "a row is refused and goes to audit_dead_letters");
            return Ok(());
        } else if self.rows == 1 {
            "one row after another is".to_owned()
        } else {
            format!("all {} rows of a batch are", self.rows)
        };
        let reason = format!("{too_many} refused: check the table and its constraints");
        Err(StoreError::new(ErrorClass::Operator, "cannot store a batch", reason).with_source(refusal))
    }
}

/// The place of a row in its batch, as the tables count.
pub(crate) fn index(index: usize) -> i32 {
    i32::try_from(index).expect("a batch holds fewer than 2^31 rows")
}

/// The row as JSON: its columns by name, the salt in hexadecimal, and as `metadata_text` the metadata's bytes.
pub(crate) fn encode(row: &FrozenRow) -> Vec<u8> {
    let mut columns = match serde_json::to_value(&row.row) {
        Ok(Value::Object(columns)) => columns,
        _ => Map::new(),
    };
    let salt = row.row.salt.map(|salt| uuid::Uuid::from_bytes(salt).simple().to_string());
    columns.insert("salt".to_owned(), salt.into());
    columns.insert("metadata_text".to_owned(), row.metadata().into());
    Value::Object(columns).to_string().into_bytes()
}

/// The row that [`encode`] was given, if that is what it is.
pub(crate) fn decode(encoded: &[u8]) -> Option<Row> {
    let mut columns: Map<String, Value> = serde_json::from_slice(encoded).ok()?;
    let metadata = columns.remove("metadata_text")?;
    let salt = columns.remove("salt")?.as_str()?.parse::<uuid::Uuid>().ok()?;
    let mut row: Row = serde_json::from_value(Value::Object(columns)).ok()?;
    row.salt = Some(salt.into_bytes());
    // People see the one, and the table gets the other.
    let shown = canonical::Object::of(row.metadata.as_map());
    (shown.as_str() == metadata.as_str()?).then_some(row)
}
