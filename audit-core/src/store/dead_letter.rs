//! Rows that a table refuses: kept whole beside it, in the transaction of their batch, under an unchanged header.

use serde_json::{Map, Value};

use super::{ErrorClass, StoreError};
use crate::batch::{Batch, FrozenRow};

/// This many refused rows of a batch may be the rows' fault; beyond it, and beyond [`REFUSABLE_PERCENT`], the table's.
const REFUSABLE_ROWS: u64 = 10;
/// In per cent of the batch.
const REFUSABLE_PERCENT: u64 = 5;

/// Counts the refused rows of a batch.
pub(crate) struct Refusals {
    most: u64,
    pub(crate) count: u64,
}

impl Refusals {
    pub(crate) fn of(batch: &Batch) -> Self {
        Self { most: REFUSABLE_ROWS.max(batch.rows().len() as u64 * REFUSABLE_PERCENT / 100), count: 0 }
    }

    /// Counts one more. Too many mean that the table is not what it should be, so that the whole batch has to wait for
    /// an operator.
    pub(crate) fn add(&mut self, refusal: StoreError) -> Result<(), StoreError> {
        self.count += 1;
        tracing::error!(error = %refusal, "a row is refused and goes to audit_dead_letters");
        if self.count <= self.most {
            return Ok(());
        }
        let reason =
            format!("more than {} rows of one batch are refused: check the table and its constraints", self.most);
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
    columns.insert("metadata_text".to_owned(), row.metadata.as_str().into());
    Value::Object(columns).to_string().into_bytes()
}
