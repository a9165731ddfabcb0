//! A table in SQLite, read in the order of its rowids.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use super::rows::{Columns, Rows, Texts, quoted};
use crate::store::sqlite::{Access, File, close, store_error};
use crate::store::{BoxFuture, StoreError};

pub(super) struct Sqlite {
    connection: SqliteConnection,
    /// As it was given.
    name: String,
    /// What is selected: a text for each field.
    texts: String,
    /// The rowid of the last row.
    last: i64,
}

impl Sqlite {
    pub(super) async fn connect(url: &str, name: &str) -> Result<Self, StoreError> {
        let connection = File::parse(url)?.open(Access::Read).await?;
        Ok(Self { connection, name: name.to_owned(), texts: String::new(), last: i64::MIN })
    }

    fn failed(error: sqlx::Error) -> StoreError {
        store_error("cannot read the table to import", error)
    }
}

impl Rows for Sqlite {
    fn columns(&mut self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let names = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)").bind(&self.name);
            names.fetch_all(&mut self.connection).await.map_err(Self::failed)
        })
    }

    /// Two texts may be one UUID, in upper and lower case.
    fn keeps_apart<'a>(&'a mut self, _id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(std::future::ready(Ok(false)))
    }

    /// A transaction that reads sees the file as it was at its first look.
    fn begin<'a>(&'a mut self, columns: &'a Columns) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let texts: Vec<_> =
                columns.read.iter().map(|(_, column)| format!("CAST({} AS TEXT)", quoted(column))).collect();
            self.texts = texts.join(", ");
            sqlx::raw_sql("BEGIN").execute(&mut self.connection).await.map(drop).map_err(Self::failed)
        })
    }

    fn count(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let question = AssertSqlSafe(format!("SELECT count(*) FROM {}", quoted(&self.name)));
            let count: i64 =
                sqlx::query_scalar(question).fetch_one(&mut self.connection).await.map_err(Self::failed)?;
            Ok(count.unsigned_abs())
        })
    }

    fn fetch(&mut self, most: u32) -> BoxFuture<'_, Result<Vec<Texts>, StoreError>> {
        Box::pin(async move {
            let question = format!(
                "SELECT rowid, {} FROM {} WHERE rowid > ? ORDER BY rowid LIMIT ?",
                self.texts,
                quoted(&self.name)
            );
            let question = sqlx::query(AssertSqlSafe(question)).bind(self.last).bind(most);
            let rows = question.fetch_all(&mut self.connection).await.map_err(Self::failed)?;
            if let Some(row) = rows.last() {
                self.last = row.try_get(0).map_err(Self::failed)?;
            }
            let texts = |row: &SqliteRow| (1..row.len()).map(|column| row.try_get(column)).collect::<Result<_, _>>();
            rows.iter().map(texts).collect::<Result<_, _>>().map_err(Self::failed)
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(close(self.connection))
    }
}
