//! The file that holds the log, and how it is opened.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::{Instant, sleep};

use super::error::{is_busy, store_error};
use crate::store::{ErrorClass, StoreError};

/// How long a statement waits for another program's transaction.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Switching a new file to WAL does not wait by itself, so it is tried again after this time.
const BUSY_POLL: Duration = Duration::from_millis(20);
/// The most a connection keeps of the file in memory, in KiB. With the WAL below, rows go in one and a half times as fast
/// as with SQLite's own 2 MiB and 1,000 pages.
const CACHE_KIB: u32 = 64 * 1024;
/// Pages of 4 KiB that the WAL gathers before they move into the file: 80 MB.
const AUTOCHECKPOINT_PAGES: u32 = 20_000;
/// Prepared statements kept; a batch needs a handful.
const STATEMENTS: usize = 32;

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Makes the file if there is none, and writes.
    Write,
    /// [`Self::Write`], batch after batch.
    Land,
    /// Writes a file that is there.
    Change,
    /// Reads a file that is there.
    Read,
}

/// Where the file is.
#[derive(Debug, Clone)]
pub(crate) struct File {
    path: PathBuf,
}

/// Whether a URL is one of SQLite's.
pub(crate) fn serves(url: &str) -> bool {
    url.starts_with("sqlite:")
}

impl File {
    /// Reads a URL, `sqlite:PATH` or `sqlite://PATH`.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let refuse = |reason: &str| Err(StoreError::new(ErrorClass::Operator, "cannot use the SQLite URL", reason));
        let rest = url.strip_prefix("sqlite:").unwrap_or(url);
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        if path == ":memory:" || path.is_empty() || parameters.contains("mode=memory") {
            return refuse(
                "a log in memory is lost with the process, and every connection sees another one: name a file, such as sqlite:audit.db",
            );
        }
        if !matches!(parameters, "" | "mode=rwc") {
            return refuse("it takes no parameters: write sqlite:PATH");
        }
        match SqliteConnectOptions::from_str(&format!("sqlite:{path}")) {
            Ok(options) => Ok(Self { path: options.get_filename().to_owned() }),
            Err(_) => refuse("the path is not UTF-8 after percent-decoding: write % as %25"),
        }
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Whether others than the owner may read or write the file.
    pub(crate) fn is_open_to_others(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::metadata(&self.path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
        }
        #[cfg(not(unix))]
        false
    }

    pub(crate) fn describe(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    /// Opens the file as every connection of ours does.
    pub(crate) async fn open(&self, access: Access) -> Result<SqliteConnection, StoreError> {
        match access {
            Access::Write | Access::Land => self.create_if_missing()?,
            _ if !self.exists() => return Err(self.cannot_open("there is no such file")),
            Access::Change | Access::Read => {}
        }
        let deadline = Instant::now() + BUSY_TIMEOUT;
        let mut connection = loop {
            match self.options(access).connect().await {
                Ok(connection) => break connection,
                Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(BUSY_POLL).await,
                Err(error) => return Err(store_error(format!("cannot open {}", self.describe()), error)),
            }
        };
        if access != Access::Read {
            self.check_journal(&mut connection).await?;
        }
        Ok(connection)
    }

    fn options(&self, access: Access) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS)
            .pragma("cache_size", format!("-{CACHE_KIB}"))
            .disable_statement_logging();
        match access {
            Access::Read => options.pragma("query_only", "ON"),
            Access::Write | Access::Change => writing(options),
            // What undoes a statement that fails half-way: each page that it changes. As a file it more than doubles what a
            // row has written; in memory it is a few MiB, because a statement has few rows.
            Access::Land => writing(options).pragma("temp_store", "MEMORY"),
        }
    }

    /// Some file systems (of networks, above all) have no WAL, and SQLite then stays silently as it was.
    async fn check_journal(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(connection)
            .await
            .map_err(|error| store_error(format!("cannot open {}", self.describe()), error))?;
        if mode == "wal" {
            return Ok(());
        }
        Err(self
            .cannot_open(&format!("its journal mode is {mode} and cannot become wal: put the file on a local disk")))
    }

    /// Makes the file before SQLite does, readable for its owner alone; SQLite gives the WAL the same mode.
    fn create_if_missing(&self) -> Result<(), StoreError> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !parent.is_dir() {
            return Err(self.cannot_open(&format!("there is no directory {}: make it first", parent.display())));
        }
        let mut file = std::fs::OpenOptions::new();
        file.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
        match file.open(&self.path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(self.cannot_open("the file cannot be made").with_source(error)),
        }
    }

    fn cannot_open(&self, reason: &str) -> StoreError {
        StoreError::new(ErrorClass::Operator, format!("cannot open {}", self.describe()), reason)
    }
}

fn writing(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", AUTOCHECKPOINT_PAGES.to_string())
}

/// Says good-bye within [`BUSY_TIMEOUT`]; the last connection moves the WAL into the file.
pub(crate) async fn close(connection: SqliteConnection) {
    let _ = tokio::time::timeout(BUSY_TIMEOUT, connection.close()).await;
}

#[cfg(test)]
impl File {
    /// One that is not there yet, in a folder of its own.
    pub(crate) fn of_a_test() -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.db");
        (folder, Self { path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_commit_is_synced() {
        let (_folder, file) = File::of_a_test();
        let mut connection = file.open(Access::Write).await.unwrap();
        let ask = |pragma: &'static str| sqlx::query_scalar::<_, i64>(pragma);
        assert_eq!(ask("PRAGMA synchronous").fetch_one(&mut connection).await.unwrap(), 2, "2 is FULL");
        assert_eq!(ask("PRAGMA foreign_keys").fetch_one(&mut connection).await.unwrap(), 1);
        close(connection).await;
    }

    /// A migration builds indexes, which it sorts: in memory, those of a large log would take all of it.
    #[tokio::test]
    async fn batches_are_undone_from_memory_and_what_is_large_is_sorted_on_disk() {
        let (_folder, file) = File::of_a_test();
        for (access, place) in [(Access::Land, 2), (Access::Write, 0), (Access::Change, 0), (Access::Read, 0)] {
            let mut connection = file.open(access).await.unwrap();
            let temporary: i64 = sqlx::query_scalar("PRAGMA temp_store").fetch_one(&mut connection).await.unwrap();
            assert_eq!(temporary, place, "{access:?}: 2 is MEMORY");
            close(connection).await;
        }
    }
}
