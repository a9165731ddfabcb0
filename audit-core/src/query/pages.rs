//! The rows of a query, page after page.

use std::vec;

use super::{Cursor, Query, Reader};
use crate::Row;
use crate::store::StoreError;

/// The rows of a query that were not given yet: in memory there is one page of them.
#[derive(Debug)]
pub(super) struct Pages {
    /// What is asked next; `None` after the last page.
    query: Option<Query>,
    page: vec::IntoIter<Row>,
}

impl Pages {
    pub(super) fn new(query: Query) -> Self {
        Self { query: Some(query.limit(Query::MAX_LIMIT)), page: Vec::new().into_iter() }
    }

    /// The next row, and its place; `None` after the last. Dropping the future loses no row.
    pub(super) async fn next(&mut self, reader: &Reader) -> Result<Option<(Row, Cursor)>, StoreError> {
        loop {
            if let Some(row) = self.page.next() {
                let place = Cursor::of(&row);
                return Ok(Some((row, place)));
            }
            let Some(query) = &self.query else { return Ok(None) };
            let page = reader.page(query).await?;
            self.query = page.next.map(|next| query.clone().after(next));
            self.page = page.rows.into_iter();
        }
    }
}
