//! All rows of a query, one after the other.

use std::vec;

use super::{Cursor, Query, Reader};
use crate::Row;
use crate::store::StoreError;

/// All rows of a query, however many, in its order: in memory there is one page of them.
///
/// Each page is a question of its own, so that reading for hours neither holds a transaction open nor loses its place
/// when the server is restarted in between.
///
/// # Examples
///
/// ```no_run
/// # use audit_core::query::{self, Reader};
/// # async fn run(reader: &Reader) -> Result<(), audit_core::store::StoreError> {
/// let mut rows = reader.rows(query::by_actor("user_123").oldest_first());
/// while let Some(row) = rows.next().await? {
///     println!("{} {}", row.created_at, row.action);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Rows<'a> {
    reader: &'a Reader,
    /// What is asked next; `None` after the last page.
    query: Option<Query>,
    page: vec::IntoIter<Row>,
    given: Option<Cursor>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(reader: &'a Reader, query: Query) -> Self {
        Self { reader, query: Some(query.limit(Query::MAX_LIMIT)), page: Vec::new().into_iter(), given: None }
    }

    /// The next row; `None` after the last.
    ///
    /// # Errors
    ///
    /// As [`Reader::page`]. The row that could not be read comes with the next call.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no row.
    pub async fn next(&mut self) -> Result<Option<Row>, StoreError> {
        loop {
            if let Some(row) = self.page.next() {
                self.given = Some(Cursor::of(&row));
                return Ok(Some(row));
            }
            let Some(query) = &self.query else { return Ok(None) };
            let page = self.reader.page(query).await?;
            self.query = page.next.map(|next| query.clone().after(next));
            self.page = page.rows.into_iter();
        }
    }

    /// What [`Query::after`] takes to go on behind the row that was given last.
    #[must_use]
    pub const fn cursor(&self) -> Option<Cursor> {
        self.given
    }
}
