//! The rows of a table, as records.

use std::fmt;

use crate::import::{Field, ImportError, Record};
use crate::store::{BoxFuture, StoreError, by_kind};

/// A table in PostgreSQL or SQLite whose rows are read as records, as they were at one moment.
///
/// In PostgreSQL they come in the order of their times, in SQLite in the order of their insertion.
pub struct Table {
    name: String,
    rows: Box<dyn Rows>,
    columns: Columns,
    has_unique_ids: bool,
    place: u64,
}

impl Table {
    /// Opens a table at a URL: `NAME` or `SCHEMA.NAME`. A field is read from the column of its own name where there is one,
    /// unless `mapping` names another. There have to be an id, by which a row is known again, a time and an action.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or has no such table or columns.
    ///
    /// # Cancellation
    ///
    /// Nothing happens.
    pub async fn open(url: &str, name: &str, mapping: &[(Field, String)]) -> Result<Self, ImportError> {
        let mut rows = connect(url, name).await?;
        let there = rows.columns().await?;
        if there.is_empty() {
            return Err(ImportError::NoTable { name: name.to_owned() });
        }
        let columns = Columns::choose(name, there, mapping)?;
        let has_unique_ids = rows.keeps_apart(columns.of(Field::Id)).await?;
        rows.begin(&columns).await?;
        Ok(Self { name: name.to_owned(), rows, columns, has_unique_ids, place: 0 })
    }

    /// Its name, as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns that no field is read from.
    #[must_use]
    pub fn left_out(&self) -> &[String] {
        &self.columns.left_out
    }

    /// Whether an index sees to it that no two rows have one id. In PostgreSQL a unique one over a column of type `uuid` does;
    /// SQLite has no such type.
    #[must_use]
    pub const fn has_unique_ids(&self) -> bool {
        self.has_unique_ids
    }

    /// How many rows it has.
    pub async fn count(&mut self) -> Result<u64, ImportError> {
        Ok(self.rows.count().await?)
    }

    /// At most this many rows, after those before; none at the end.
    ///
    /// # Cancellation
    ///
    /// Rows may be lost: open the table again.
    pub async fn next(&mut self, most: u32) -> Result<Vec<Record>, ImportError> {
        let mut records = Vec::new();
        for texts in self.rows.fetch(most).await? {
            self.place += 1;
            let present = self.columns.read.iter().zip(texts).filter_map(|((field, _), text)| Some((*field, text?)));
            records.push(present.fold(Record::at(self.place), |record, (field, text)| record.with(field, text)));
        }
        Ok(records)
    }

    /// Says good-bye to the server.
    pub async fn close(self) {
        self.rows.close().await;
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// Which column each field is read from.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) read: Vec<(Field, String)>,
    left_out: Vec<String>,
}

impl Columns {
    fn choose(table: &str, there: Vec<String>, mapping: &[(Field, String)]) -> Result<Self, ImportError> {
        let mut read = Vec::new();
        for field in Field::ALL {
            let mapped = mapping.iter().find(|(of, _)| *of == field).map(|(_, column)| column.as_str());
            let column = mapped.unwrap_or(field.as_str());
            let is_needed = mapped.is_some() || [Field::Id, Field::CreatedAt, Field::Action].contains(&field);
            if there.iter().any(|there| there == column) {
                read.push((field, column.to_owned()));
            } else if is_needed {
                return Err(ImportError::NoColumn { table: table.to_owned(), column: column.to_owned(), field });
            }
        }
        let left_out = there.into_iter().filter(|there| !read.iter().any(|(_, column)| column == there)).collect();
        Ok(Self { read, left_out })
    }

    /// The column that a field is read from.
    pub(super) fn of(&self, field: Field) -> &str {
        self.read.iter().find(|(of, _)| *of == field).map_or(field.as_str(), |(_, column)| column)
    }
}

/// A connection to a table.
pub(super) trait Rows: Send {
    /// The names of its columns; none where there is no such table.
    fn columns(&mut self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// Whether no two rows can have the same id in this column, however it is read.
    fn keeps_apart<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Begins to read these columns, as they are now.
    fn begin<'a>(&'a mut self, columns: &'a Columns) -> BoxFuture<'a, Result<(), StoreError>>;

    /// How many rows there are.
    fn count(&mut self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// The texts of the columns of at most this many rows, after those before.
    fn fetch(&mut self, most: u32) -> BoxFuture<'_, Result<Vec<Texts>, StoreError>>;

    /// Says good-bye to the server.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What a row has in each column.
pub(super) type Texts = Vec<Option<String>>;

async fn connect(url: &str, name: &str) -> Result<Box<dyn Rows>, StoreError> {
    by_kind!(url, name,
        postgres => Ok(Box::new(super::postgres::Postgres::connect(url, name).await?)),
        sqlite => Ok(Box::new(super::sqlite::Sqlite::connect(url, name).await?)),
    )
}

/// A name as SQL wants it.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
