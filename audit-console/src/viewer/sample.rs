//! The newest entries of a query, by which the rest is judged.

use audit_core::Row;
use audit_core::query::{Filter, Query};
use audit_core::store::StoreError;

use super::Log;

/// The newest entries of a query.
#[derive(Debug)]
pub(super) struct Sample {
    /// Newest first.
    pub(super) rows: Vec<Row>,
    /// Whether there are others.
    pub(super) more: bool,
}

impl Sample {
    /// Most rows of a sample.
    pub(super) const MOST: u32 = 1_000;

    pub(super) async fn take(log: &Log, filter: &Filter) -> Result<Self, StoreError> {
        let page = log.beside.page(&Query::from(filter.clone()).limit(Self::MOST)).await?;
        Ok(Self { rows: page.rows, more: page.next.is_some() })
    }
}
