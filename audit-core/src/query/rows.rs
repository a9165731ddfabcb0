//! All rows of a query, one after the other.

use super::pages::Pages;
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
    pages: Pages,
    given: Option<Cursor>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(reader: &'a Reader, query: Query) -> Self {
        Self { reader, pages: Pages::new(query), given: None }
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
        let next = self.pages.next(self.reader).await?;
        Ok(next.map(|(row, place)| {
            self.given = Some(place);
            row
        }))
    }

    /// What [`Query::after`] takes to go on behind the row that was given last.
    #[must_use]
    pub const fn cursor(&self) -> Option<Cursor> {
        self.given
    }
}
