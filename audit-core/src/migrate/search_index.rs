//! Indexes for searching, which nobody has who did not ask for them: they cost those who write.
//!
//! Each partition gets its own without blocking anybody (`CREATE INDEX CONCURRENTLY`), one after the other. A run that
//! fails or is killed leaves those that are finished, and the next one does the rest.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use tokio::time::{Instant, sleep};

use super::{Error, Options};
use crate::query::postgres::{SEARCHED_METADATA, searched_text};
use crate::store::postgres::{address, connect_bare, store_error};
use crate::store::{ErrorClass, StoreError};

/// An index for searching (PostgreSQL).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchIndex {
    /// For `metadata.changes.name:MyProject`: GIN (`jsonb_path_ops`) on every partition, those to come included. COPY
    /// takes about a fifth longer with it.
    Metadata,
    /// For free text: trigrams (`pg_trgm`) on partitions whose time is over, so that writing costs nothing. A later run does those whose
    /// time has passed meanwhile.
    Text,
}

/// The index of the whole table that those of the partitions belong to.
const METADATA_INDEX: &str = "idx_audit_logs_metadata";

/// One run at a time, for two that build concurrently wait for each other.
const LOCK: i64 = i64::from_be_bytes(*b"auditidx");
const LOCK_POLL: Duration = Duration::from_millis(50);
/// How long writers may be held up by a statement that needs the table for a moment, and how often it is tried.
const MOMENT: &str = "300ms";
const MOMENTS: usize = 100;
/// `lock_not_available`.
const NOT_AVAILABLE: &str = "55P03";

/// Builds an index for searching, and says of each partition when it is done. Gives back how many were built.
///
/// # Errors
///
/// When the database cannot be reached or has no such index, another run takes too long, or the user does not own the
/// table.
///
/// # Cancellation
///
/// Dropping the future ends the build under way at the server; the next run begins that partition again.
pub async fn build_search_index(
    url: &str,
    options: &Options,
    index: SearchIndex,
    built: impl FnMut(&str),
) -> Result<usize, Error> {
    if !crate::store::postgres::serves(url) {
        let reason = "only PostgreSQL has it; a search in SQLite reads the rows";
        return Err(StoreError::new(ErrorClass::Operator, "cannot build the index", reason).into());
    }
    let server = address::parse(url)?;
    let connection = connect_bare(&server, "audit-migrate").await?;
    let action = format!("cannot build the index of {}", address::describe(&server));
    let mut builder = Builder { connection, schema: options.schema().quoted(), action };
    builder.lock(options.lock_wait()).await?;
    match index {
        SearchIndex::Metadata => builder.metadata(built).await,
        SearchIndex::Text => builder.text(built).await,
    }
}

struct Builder {
    connection: PgConnection,
    schema: String,
    action: String,
}

/// A partition's index as it should be.
struct Wanted {
    partition: String,
    name: String,
    what: String,
}

impl Builder {
    /// The session's lock: it goes with the connection, which is closed on every path.
    async fn lock(&mut self, wait: Duration) -> Result<(), Error> {
        let started = Instant::now();
        let lock = format!("SELECT pg_try_advisory_lock({LOCK})");
        while !self.one::<bool>(&lock).await?.unwrap_or(false) {
            if started.elapsed() >= wait {
                return Err(Error::Locked { waited: started.elapsed() });
            }
            sleep(LOCK_POLL).await;
        }
        Ok(())
    }

    async fn metadata(&mut self, mut built: impl FnMut(&str)) -> Result<usize, Error> {
        let schema = self.schema.clone();
        // Of the table alone, at first without any partition's; partitions made from now on have one from the start.
        self.briefly(&format!(
            "CREATE INDEX IF NOT EXISTS {METADATA_INDEX} ON ONLY {schema}.audit_logs USING gin (metadata jsonb_path_ops)"
        ))
        .await?;
        let mut count = 0;
        for partition in self.partitions("TRUE").await? {
            let attached = format!(
                "SELECT EXISTS (SELECT FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid
                                 WHERE i.inhparent = '{schema}.{METADATA_INDEX}'::regclass
                                   AND x.indrelid = '{schema}.\"{partition}\"'::regclass)"
            );
            if self.one::<bool>(&attached).await? == Some(true) {
                continue;
            }
            let name = format!("{partition}_metadata");
            let wanted = Wanted { name, what: "gin (metadata jsonb_path_ops)".to_owned(), partition };
            self.concurrently(&wanted).await?;
            self.briefly(&format!(
                "ALTER INDEX {schema}.{METADATA_INDEX} ATTACH PARTITION {schema}.\"{}\"",
                wanted.name
            ))
            .await?;
            built(&wanted.partition);
            count += 1;
        }
        Ok(count)
    }

    async fn text(&mut self, mut built: impl FnMut(&str)) -> Result<usize, Error> {
        self.run("CREATE EXTENSION IF NOT EXISTS pg_trgm").await?;
        let place = "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                      WHERE e.extname = 'pg_trgm'";
        let place: String = self.one(place).await?.unwrap_or_else(|| "public".to_owned());
        let mut count = 0;
        for partition in self.partitions("upper_bound <= now()").await? {
            let mut new = false;
            for (end, text) in [("text", searched_text()), ("metadata_text", SEARCHED_METADATA.to_owned())] {
                let name = format!("{partition}_{end}");
                let what = format!("gin ({text} {place}.gin_trgm_ops)");
                new |= self.concurrently(&Wanted { partition: partition.clone(), name, what }).await?;
            }
            if new {
                // What an expression yields is not known to the planner yet.
                self.run(&format!("ANALYZE {}.\"{partition}\"", self.schema)).await?;
                built(&partition);
                count += 1;
            }
        }
        Ok(count)
    }

    async fn partitions(&mut self, condition: &str) -> Result<Vec<String>, Error> {
        let names = format!(
            "SELECT partition FROM {}.audit_partitions() WHERE {condition} ORDER BY lower_bound DESC",
            self.schema
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(names)).fetch_all(&mut self.connection).await;
        let names = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
        names.map_err(|error| self.failed(error))
    }

    /// Builds an index unless it is there. What is left of a build that was broken off is removed first.
    async fn concurrently(&mut self, Wanted { partition, name, what }: &Wanted) -> Result<bool, Error> {
        let schema = self.schema.clone();
        let valid = format!("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{schema}.\"{name}\"')");
        match self.one::<bool>(&valid).await? {
            Some(true) => return Ok(false),
            Some(false) => self.run(&format!("DROP INDEX CONCURRENTLY {schema}.\"{name}\"")).await?,
            None => {}
        }
        self.run(&format!("CREATE INDEX CONCURRENTLY \"{name}\" ON {schema}.\"{partition}\" USING {what}")).await?;
        Ok(true)
    }

    /// Runs what needs the table for a moment, without keeping writers waiting behind it.
    async fn briefly(&mut self, sql: &str) -> Result<(), Error> {
        let sql = format!("SET lock_timeout = '{MOMENT}'; {sql}; RESET lock_timeout");
        for _ in 1..MOMENTS {
            match sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut self.connection).await {
                Err(error)
                    if error
                        .as_database_error()
                        .is_some_and(|error| error.code().as_deref() == Some(NOT_AVAILABLE)) =>
                {
                    sleep(LOCK_POLL).await;
                }
                ended => return ended.map(drop).map_err(|error| self.failed(error)),
            }
        }
        self.run(&sql).await
    }

    async fn run(&mut self, sql: &str) -> Result<(), Error> {
        let ran = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection).await;
        ran.map(drop).map_err(|error| self.failed(error))
    }

    async fn one<T>(&mut self, sql: &str) -> Result<Option<T>, Error>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let row = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_optional(&mut self.connection).await;
        let value = row.and_then(|row| row.map(|row| row.try_get(0)).transpose());
        value.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: sqlx::Error) -> Error {
        store_error(self.action.clone(), error).into()
    }
}
