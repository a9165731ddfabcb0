//! The application's own tables.
//!
//! This program runs on PostgreSQL and on SQLite, and finds out on which when it starts. One that knows writes
//! `pub type Db = sqlx::Postgres;`, and the rest stays as it is.

use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{Pool, Transaction};

/// The kind of database.
pub type Db = sqlx::Any;
/// A transaction, in which entries of the audit log can be written, too.
pub type Tx = Transaction<'static, Db>;

/// The application's database.
#[derive(Debug, Clone)]
pub struct Database {
    pool: Pool<Db>,
    begin: &'static str,
}

impl Database {
    /// Connects, and makes the tables that are missing.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or refuses.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        install_default_drivers();
        let is_sqlite = url.starts_with("sqlite:");
        // A transaction of SQLite that reads first and writes later is refused where somebody else has written in between.
        let begin = if is_sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let create = if is_sqlite && !url.contains('?') { "?mode=rwc" } else { "" };
        let options = AnyPoolOptions::new().max_connections(8).acquire_timeout(Duration::from_secs(5));
        let pool = options.connect(&format!("{url}{create}")).await?;
        sqlx::migrate!().run(&pool).await?;
        Ok(Self { pool, begin })
    }

    /// For single statements.
    #[must_use]
    pub const fn pool(&self) -> &Pool<Db> {
        &self.pool
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    ///
    /// # Cancellation
    ///
    /// A client that goes away drops its request's future. A `BEGIN` that is dropped halfway would go back to the pool as an open
    /// transaction (sqlx 0.9.0), into which later requests would write in vain; so it goes on in a task of its own.
    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        let (pool, begin) = (self.pool.clone(), self.begin);
        let task = tokio::spawn(async move { pool.begin_with(begin).await });
        // A task that does not end was taken down with the whole program.
        task.await.unwrap_or(Err(sqlx::Error::PoolClosed))
    }

    /// Whether it answers.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(drop)
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
