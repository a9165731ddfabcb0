//! Migrations of PostgreSQL.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgRow};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use tokio::time::{Instant, sleep, timeout};

use super::backend::{Applied, Backend};
use super::migration::Migration;
use super::{Error, Options, Part, Report, run};
use crate::store::postgres::{address, close, connect_bare, store_error};

macro_rules! migrations {
    ($($version:literal $description:literal $file:literal)*) => {
        &[$(Migration {
            version: $version,
            description: $description,
            template: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres/", $file)),
        }),*]
    };
}

static MIGRATIONS: &[Migration] = migrations! {
    1 "tables" "0001_tables.sql"
    2 "guards" "0002_guards.sql"
    3 "partitions" "0003_partitions.sql"
    4 "header hash" "0004_header_hash.sql"
    5 "roles" "0005_roles.sql"
    6 "outbox" "0006_outbox.sql"
    7 "dead letters" "0007_dead_letters.sql"
    8 "sealing" "0008_sealing.sql"
    9 "erasure" "0009_erasure.sql"
    10 "retention" "0010_retention.sql"
    11 "import" "0011_import.sql"
    12 "sealing a backlog" "0012_sealing_a_backlog.sql"
    13 "lean indexes" "0013_lean_indexes.sql"
    14 "one check a table" "0014_one_check_a_table.sql"
    15 "partition interval auto" "0015_partition_interval_auto.sql"
    16 "unsuccessful by actor" "0016_unsuccessful_by_actor.sql"
    17 "text by its bytes" "0017_text_by_its_bytes.sql"
    18 "statistics" "0018_statistics.sql"
    19 "newest at the end" "0019_newest_at_the_end.sql"
};

/// Migrations that take longer the larger the log is: they build indexes over all of it, or look into each partition.
const READ_THE_LOG: [i64; 5] = [13, 16, 17, 18, 19];

/// For the outbox alone.
static OUTBOX_MIGRATIONS: &[Migration] = migrations! {
    1 "outbox table" "outbox/0001_table.sql"
    2 "outbox" "0006_outbox.sql"
};

/// Holds one run at a time per database. A transaction's lock: it cannot outlive its transaction, whatever becomes
/// of the run, and it holds behind a pooler that hands a connection on after each transaction.
const LOCK: i64 = i64::from_be_bytes(*b"auditmig");
const LOCK_POLL: Duration = Duration::from_millis(50);

/// A statement of a migration waits this long for a table that the application has locked.
const LOCK_TIMEOUT: &str = "30s";
/// How long the server may take to answer any statement but a migration: longer than a lock is waited for, so that
/// the server says first what is locked.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);
/// How soon the server ends a migration whose client has gone, and lets go of the log.
const CLIENT_CHECK_INTERVAL: &str = "1s";
/// How often a migration is begun again that the server chose to end a deadlock: writers of the log lock its tables in
/// their own order.
const DEADLOCKS: u32 = 10;
/// How long a migration may take, which may have to rewrite a large table.
const MIGRATION_TIMEOUT: Duration = Duration::from_hours(1);

pub(crate) struct Postgres {
    connection: PgConnection,
    options: Options,
    /// Where the database is, for errors.
    place: String,
}

/// Migrates a database whose address is parsed already.
pub(crate) async fn migrate(server: &PgConnectOptions, options: &Options) -> Result<Report, Error> {
    run::apply_pending(Postgres::connect(server, options).await?).await
}

impl Postgres {
    pub(super) async fn open(url: &str, options: &Options) -> Result<Self, Error> {
        let server = address::parse(url)?;
        Self::connect(&server, options).await
    }

    async fn connect(server: &PgConnectOptions, options: &Options) -> Result<Self, Error> {
        let connection = connect_bare(server, "audit-migrate").await?;
        Ok(Self { connection, options: options.clone(), place: address::describe(server) })
    }

    async fn run(&mut self, action: &str, sql: impl Into<String>) -> Result<(), Error> {
        let ran = sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&mut self.connection);
        within(ANSWER_TIMEOUT, ran).await.map(drop).map_err(|error| self.failed(action, error))
    }

    /// Asks in the simple protocol, which is one transaction also behind a pooler.
    async fn ask(&mut self, action: &str, sql: String) -> Result<Vec<PgRow>, Error> {
        let answer = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection);
        within(ANSWER_TIMEOUT, answer).await.map_err(|error| self.failed(action, error))
    }

    async fn flag(&mut self, action: &str, sql: String) -> Result<bool, Error> {
        let rows = self.ask(action, sql).await?;
        let flag = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.try_get(0));
        flag.map_err(|error| self.failed(action, error))
    }

    fn failed(&self, action: &str, error: sqlx::Error) -> Error {
        store_error(format!("cannot {action} of {}", self.place), error).into()
    }

    fn history_table(&self) -> String {
        format!("{}.{}", self.options.schema().quoted(), self.options.part().history())
    }

    /// The catalogs are asked as tables: `to_regclass` and its kin may answer from a cache of before the lock.
    async fn schema_exists(&mut self) -> Result<bool, Error> {
        let schema = self.options.schema().as_str();
        let question = format!("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = '{schema}')");
        self.flag("look for the schema", question).await
    }

    async fn history_exists(&mut self) -> Result<bool, Error> {
        let question = format!(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
                              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                             WHERE n.nspname = '{}' AND c.relname = '{}')",
            self.options.schema().as_str(),
            self.options.part().history()
        );
        self.flag("look for the migration history", question).await
    }

    async fn create_history(&mut self) -> Result<(), Error> {
        // Asked first, because IF NOT EXISTS demands the privilege to create also where nothing is created.
        if !self.schema_exists().await? {
            let create = format!("CREATE SCHEMA {}", self.options.schema().quoted());
            self.run("create the schema", create).await?;
        }
        if !self.history_exists().await? {
            let create = format!(
                "CREATE TABLE {} (
                     version bigint PRIMARY KEY,
                     applied_at timestamptz NOT NULL DEFAULT now(),
                     took_us bigint NOT NULL,
                     description text NOT NULL,
                     checksum bytea NOT NULL,
                     notes text[] NOT NULL
                 )",
                self.history_table()
            );
            self.run("create the history", create).await?;
        }
        Ok(())
    }

    /// Goes back to before the migration, which gives up its locks, and begins again, where the server ended a deadlock by it.
    async fn apply_or_begin_again(&mut self, migration: &Migration) -> Result<Vec<String>, sqlx::Error> {
        let mut deadlocks = 0;
        loop {
            within(ANSWER_TIMEOUT, sqlx::raw_sql("SAVEPOINT migration").execute(&mut self.connection)).await?;
            match self.apply_sql(migration).await {
                Err(sqlx::Error::Database(error))
                    if error.code().is_some_and(|code| code == "40P01") && deadlocks < DEADLOCKS =>
                {
                    deadlocks += 1;
                    let back = sqlx::raw_sql("ROLLBACK TO SAVEPOINT migration");
                    within(ANSWER_TIMEOUT, back.execute(&mut self.connection)).await?;
                }
                result => return result,
            }
        }
    }

    async fn check_size(&mut self, migration: &Migration) -> Result<(), Error> {
        let Some(largest) = self.options.largest_log() else { return Ok(()) };
        if self.options.part() != Part::Log || !READ_THE_LOG.contains(&migration.version) {
            return Ok(());
        }
        let size = format!(
            "SELECT coalesce(sum(pg_table_size(inhrelid)), 0)::bigint FROM pg_inherits WHERE inhparent = '{}.audit_logs'::regclass",
            self.options.schema().quoted()
        );
        let rows = self.ask("measure the log", size).await?;
        let bytes: Result<i64, _> = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.try_get(0));
        let bytes = bytes.map_err(|error| self.failed("measure the log", error))?.unsigned_abs();
        if bytes <= largest {
            return Ok(());
        }
        Err(Error::TooLarge { version: migration.version, description: migration.description.to_owned(), bytes })
    }

    async fn apply_sql(&mut self, migration: &Migration) -> Result<Vec<String>, sqlx::Error> {
        let started = Instant::now();
        let sql = AssertSqlSafe(self.sql(migration));
        within(MIGRATION_TIMEOUT, sqlx::raw_sql(sql).execute(&mut self.connection)).await?;
        let notes = sqlx::query_scalar("SELECT current_setting('audit.migration_notes', true)").persistent(false);
        let notes: Option<String> = within(ANSWER_TIMEOUT, notes.fetch_one(&mut self.connection)).await?;
        let notes: Vec<_> =
            notes.iter().flat_map(|notes| notes.lines()).filter(|note| !note.is_empty()).map(str::to_owned).collect();
        let insert = format!(
            "INSERT INTO {} (version, took_us, description, checksum, notes) VALUES ($1, $2, $3, $4, $5)",
            self.history_table()
        );
        let insert = sqlx::query(AssertSqlSafe(insert))
            .persistent(false)
            .bind(migration.version)
            .bind(i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX))
            .bind(migration.description)
            .bind(migration.checksum())
            .bind(&notes);
        within(ANSWER_TIMEOUT, insert.execute(&mut self.connection)).await?;
        Ok(notes)
    }
}

impl Backend for Postgres {
    fn migrations(&self) -> &'static [Migration] {
        match self.options.part() {
            Part::Log => MIGRATIONS,
            Part::Outbox => OUTBOX_MIGRATIONS,
        }
    }

    fn sql(&self, migration: &Migration) -> String {
        fill_in(migration.template, &self.options)
    }

    async fn history(&mut self) -> Result<Vec<Applied>, Error> {
        if !self.history_exists().await? {
            return Ok(Vec::new());
        }
        let table = self.history_table();
        let select =
            format!("SELECT version, applied_at, took_us, description, checksum, notes FROM {table} ORDER BY version");
        let rows = self.ask("read the migration history", select).await?;
        let history: Result<_, _> = rows.iter().map(applied).collect();
        history.map_err(|error| self.failed("read the migration history", error))
    }

    async fn begin(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            // A session default would outlive the transaction behind a pooler. Without a client a server goes on for as
            // long as it may, unless it looks after it, which it can on most systems.
            let begin = format!(
                "BEGIN; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = '{}s'; \
                 SET LOCAL client_min_messages = warning; \
                 DO $$ BEGIN SET LOCAL client_connection_check_interval = '{CLIENT_CHECK_INTERVAL}'; \
                 EXCEPTION WHEN invalid_parameter_value THEN NULL; END $$",
                MIGRATION_TIMEOUT.as_secs()
            );
            self.run("begin the migration", begin).await?;
            if self.flag("lock the migrations", format!("SELECT pg_try_advisory_xact_lock({LOCK})")).await? {
                return self.create_history().await;
            }
            self.run("roll back the migration", "ROLLBACK").await?;
            if started.elapsed() >= self.options.lock_wait() {
                return Err(Error::Locked { waited: started.elapsed() });
            }
            sleep(LOCK_POLL).await;
        }
    }

    async fn apply(&mut self, migration: &Migration) -> Result<Vec<String>, Error> {
        self.check_size(migration).await?;
        self.apply_or_begin_again(migration).await.map_err(|error| match error {
            // Migrations hold no row's values, so that the server's own words may be told.
            sqlx::Error::Database(error) => Error::Failed {
                version: migration.version,
                description: migration.description.to_owned(),
                reason: reason(error.as_ref()),
            },
            error => self.failed("apply a migration", error),
        })
    }

    async fn commit(&mut self) -> Result<(), Error> {
        self.run("commit a migration", "COMMIT").await
    }

    async fn close(self) {
        // The server rolls back and unlocks as soon as it sees the connection closed, so a good-bye that it does
        // not answer costs nothing.
        close(self.connection).await;
    }
}

/// A server that goes silent is one whose connection failed.
async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let answer = timeout(limit, answer).await;
    answer.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

/// Where there is a detail, it names what stands in the way; but of bad data and broken constraints, it repeats a row's values.
fn reason(error: &dyn DatabaseError) -> String {
    let code = error.code().unwrap_or_default();
    let has_values = code.starts_with("22") || code.starts_with("23");
    let detail = error.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::detail);
    let detail = detail.filter(|_| !has_values).map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{}{detail} (SQLSTATE {code})", error.message())
}

fn applied(row: &PgRow) -> Result<Applied, sqlx::Error> {
    let checksum: Vec<u8> = row.try_get("checksum")?;
    let took_us: i64 = row.try_get("took_us")?;
    Ok(Applied {
        version: row.try_get("version")?,
        description: row.try_get("description")?,
        // Another length is another checksum, never this program's.
        checksum: checksum.try_into().unwrap_or([0; 32]),
        at: row.try_get::<DateTime<Utc>, _>("applied_at")?,
        took: Duration::from_micros(took_us.unsigned_abs()),
        notes: row.try_get("notes")?,
    })
}

/// Replaces the schema and the roles by those the options name, in one pass over the words of the text.
fn fill_in(template: &str, options: &Options) -> String {
    const ROLES: [&str; 8] = [
        "audit_owner",
        "audit_writer",
        "audit_caller",
        "audit_drainer",
        "audit_sealer",
        "audit_signer",
        "audit_reader",
        "audit_admin",
    ];
    let schema = options.schema().quoted();
    let mut sql = String::with_capacity(template.len() + template.len() / 8);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = template;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (piece, tail) = rest.split_at(end);
        match piece {
            "control_plane" => sql.push_str(&schema),
            role if ROLES.contains(&role) => {
                sql.push_str(options.role_prefix());
                sql.push_str(role.trim_start_matches("audit"));
            }
            other => sql.push_str(other),
        }
        rest = tail;
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Schema;

    #[test]
    fn names_are_filled_in_word_by_word() {
        let options = Options::new().with_schema(Schema::new("user").unwrap()).with_role_prefix("audit_owner").unwrap();
        let filled = fill_in("GRANT audit_writer ON control_plane.audit_writers TO audit_owner;", &options);
        assert_eq!(filled, r#"GRANT audit_owner_writer ON "user".audit_writers TO audit_owner_owner;"#);
    }

    #[test]
    fn versions_count_up_from_one() {
        for migrations in [MIGRATIONS, OUTBOX_MIGRATIONS] {
            for (migration, version) in migrations.iter().zip(1..) {
                assert_eq!(migration.version, version);
            }
        }
    }
}
