//! Migrations of SQLite.

use std::time::Duration;

use chrono::DateTime;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};
use tokio::time::{Instant, sleep};

use super::backend::{Applied, Backend};
use super::migration::Migration;
use super::{Error, Options, Part, Report, run};
use crate::store::sqlite::{Access, File, close, is_busy, store_error};

macro_rules! migrations {
    ($($version:literal $description:literal $file:literal)*) => {
        &[$(Migration {
            version: $version,
            description: $description,
            template: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/", $file)),
        }),*]
    };
}

static MIGRATIONS: &[Migration] = migrations! {
    1 "tables" "0001_tables.sql"
    2 "guards" "0002_guards.sql"
    3 "outbox" "0003_outbox.sql"
    4 "dead letters" "0004_dead_letters.sql"
    5 "sealing" "0005_sealing.sql"
    6 "erasure" "0006_erasure.sql"
    7 "retention" "0007_retention.sql"
    8 "lean indexes" "0008_lean_indexes.sql"
    9 "unsuccessful by actor" "0009_unsuccessful_by_actor.sql"
    10 "newest at the end" "0010_newest_at_the_end.sql"
};

/// For the outbox alone.
static OUTBOX_MIGRATIONS: &[Migration] = migrations! {
    1 "outbox table" "outbox/0001_table.sql"
    2 "outbox" "0003_outbox.sql"
};

/// The columns of the history.
const HISTORY: &str = "(
    version     INTEGER PRIMARY KEY,
    applied_at  INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    took_us     INTEGER NOT NULL,
    description TEXT    NOT NULL,
    checksum    BLOB    NOT NULL
) STRICT";

const LOCK_POLL: Duration = Duration::from_millis(50);

pub(crate) struct Sqlite {
    file: File,
    part: Part,
    lock_wait: Duration,
    /// For looking, without a file none; from the first transaction on one that writes.
    connection: Option<SqliteConnection>,
}

/// Migrates a file whose URL is parsed already.
pub(crate) async fn migrate(file: &File) -> Result<Report, Error> {
    run::apply_pending(Sqlite::at(file.clone(), &Options::new())).await
}

impl Sqlite {
    /// The log at a URL. Nothing is opened yet, so that looking at a log that is not there does not make it.
    pub(super) fn open(url: &str, options: &Options) -> Result<Self, Error> {
        Ok(Self::at(File::parse(url)?, options))
    }

    const fn at(file: File, options: &Options) -> Self {
        Self { file, part: options.part(), lock_wait: options.lock_wait(), connection: None }
    }

    /// Opens the file for writing, so that locks are waited for here and not in SQLite.
    async fn open_for_writing(&mut self) -> Result<&mut SqliteConnection, Error> {
        if let Some(reading) = self.connection.take() {
            close(reading).await;
        }
        let mut connection = self.file.open(Access::Write).await?;
        let unbusy = sqlx::raw_sql("PRAGMA busy_timeout = 0").execute(&mut connection).await;
        unbusy.map_err(|error| failed(&self.file, "begin the migration", error))?;
        Ok(self.connection.insert(connection))
    }

    async fn apply_sql(&mut self, migration: &Migration) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().expect("a transaction is open");
        let started = Instant::now();
        sqlx::raw_sql(migration.template).execute(&mut *connection).await?;
        let history = self.part.history();
        let insert = format!("INSERT INTO {history} (version, took_us, description, checksum) VALUES (?, ?, ?, ?)");
        sqlx::query(AssertSqlSafe(insert))
            .bind(migration.version)
            .bind(i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX))
            .bind(migration.description)
            .bind(migration.checksum().as_slice())
            .execute(connection)
            .await?;
        Ok(())
    }
}

impl Backend for Sqlite {
    fn migrations(&self) -> &'static [Migration] {
        match self.part {
            Part::Log => MIGRATIONS,
            Part::Outbox => OUTBOX_MIGRATIONS,
        }
    }

    fn sql(&self, migration: &Migration) -> String {
        migration.template.to_owned()
    }

    async fn history(&mut self) -> Result<Vec<Applied>, Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None if self.file.exists() => self.connection.insert(self.file.open(Access::Read).await?),
            None => return Ok(Vec::new()),
        };
        let failed = |error| failed(&self.file, "read the migration history", error);
        let history = self.part.history();
        let exists = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)";
        if !sqlx::query_scalar::<_, bool>(exists).bind(history).fetch_one(&mut *connection).await.map_err(failed)? {
            return Ok(Vec::new());
        }
        let select =
            format!("SELECT version, applied_at, took_us, description, checksum FROM {history} ORDER BY version");
        let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(connection).await;
        rows.and_then(|rows| rows.iter().map(applied).collect()).map_err(failed)
    }

    async fn begin(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        let lock_wait = self.lock_wait;
        let create = format!("CREATE TABLE IF NOT EXISTS {} {HISTORY}", self.part.history());
        let file = self.file.clone();
        let failed = |error| failed(&file, "begin the migration", error);
        let connection = self.open_for_writing().await?;
        while let Err(error) = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await {
            if !is_busy(&error) {
                return Err(failed(error));
            }
            if started.elapsed() >= lock_wait {
                return Err(Error::Locked { waited: started.elapsed() });
            }
            sleep(LOCK_POLL).await;
        }
        sqlx::raw_sql(AssertSqlSafe(create)).execute(connection).await.map_err(failed)?;
        Ok(())
    }

    async fn apply(&mut self, migration: &Migration) -> Result<Vec<String>, Error> {
        match self.apply_sql(migration).await {
            Ok(()) => Ok(Vec::new()),
            // Migrations hold no row's values, so that SQLite's own words may be told.
            Err(sqlx::Error::Database(error)) => Err(Error::Failed {
                version: migration.version,
                description: migration.description.to_owned(),
                reason: error.message().to_owned(),
            }),
            Err(error) => Err(failed(&self.file, "apply a migration", error)),
        }
    }

    async fn commit(&mut self) -> Result<(), Error> {
        let connection = self.connection.as_mut().expect("a transaction is open");
        let committed = sqlx::raw_sql("COMMIT").execute(connection).await;
        committed.map_err(|error| failed(&self.file, "commit a migration", error))?;
        Ok(())
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            close(connection).await;
        }
    }
}

fn failed(file: &File, action: &str, error: sqlx::Error) -> Error {
    store_error(format!("cannot {action} of {}", file.describe()), error).into()
}

fn applied(row: &SqliteRow) -> Result<Applied, sqlx::Error> {
    let checksum: Vec<u8> = row.try_get("checksum")?;
    let took_us: i64 = row.try_get("took_us")?;
    Ok(Applied {
        version: row.try_get("version")?,
        description: row.try_get("description")?,
        // Another length is another checksum, never this program's.
        checksum: checksum.try_into().unwrap_or([0; 32]),
        at: DateTime::from_timestamp_micros(row.try_get("applied_at")?).unwrap_or_default(),
        took: Duration::from_micros(took_us.unsigned_abs()),
        notes: Vec::new(),
    })
}
