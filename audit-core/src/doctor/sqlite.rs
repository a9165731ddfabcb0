//! Looks at a log in an SQLite file.

use sqlx::SqliteConnection;

use super::examine::migrations;
use super::finding::{GAPS_OF_DAYS, Gap};
use super::{Finding, Level};
use crate::migrate::Options;
use crate::store::sqlite::{Access, File, close, store_error};
use crate::store::{ErrorClass, StoreError};

/// Before it, a WAL could be reset under a reader and damage the file (<https://sqlite.org/wal.html#walresetbug>).
const FIRST_SOUND_VERSION: [u32; 3] = [3, 51, 3];

const GUARDED: [&str; 7] = [
    "audit_logs",
    "audit_batches",
    "audit_tree",
    "audit_checkpoints",
    "audit_dead_letters",
    "audit_prunings",
    "audit_pruned_leaves",
];
const GUARDS: [&str; 3] = ["no_update", "no_delete", "no_replace"];

pub(super) async fn examine(url: &str, options: &Options) -> Vec<Finding> {
    let unreachable = |error: &StoreError| {
        Finding::red("reach", error.to_string(), "run `audit migrate`, which makes the file, or correct the path")
    };
    let file = match File::parse(url) {
        Ok(file) => file,
        Err(error) => return vec![unreachable(&error)],
    };
    let mut connection = match file.open(Access::Read).await {
        Ok(connection) => connection,
        Err(error) => return vec![unreachable(&error)],
    };
    let mut checks = Checks { connection: &mut connection, file: &file };
    let mut findings = vec![Finding::green("reach", file.describe())];
    findings.push(checks.version().await);
    let journal = checks.journal().await;
    // Opening for writing would switch the file to WAL mode, and examining changes nothing.
    let is_wal = journal.level == Level::Green;
    findings.push(journal);
    if is_wal {
        findings.push(checks.privileges().await);
    }
    let migrated = migrations(url, options).await;
    let is_migrated = migrated.level == Level::Green;
    findings.push(migrated);
    if is_migrated {
        findings.push(checks.guards().await);
        findings.push(checks.dead_letters().await);
        findings.push(checks.gaps().await);
        findings.push(checks.sealing().await);
    }
    close(connection).await;
    findings
}

struct Checks<'a> {
    connection: &'a mut SqliteConnection,
    file: &'a File,
}

impl Checks<'_> {
    /// How many rows were refused.
    async fn dead_letters(&mut self) -> Finding {
        match self.ask("SELECT CAST(count(*) AS TEXT) FROM audit_dead_letters").await {
            Ok(count) => Finding::of_dead_letters(count.parse().unwrap_or_default()),
            Err(error) => Finding::unseen("refused", &error),
        }
    }

    /// What was dropped lately.
    async fn gaps(&mut self) -> Finding {
        const SQL: &str = "SELECT coalesce(metadata ->> 'reason', ''), coalesce(sum(metadata ->> 'dropped'), 0),
                                  count(*) FILTER (WHERE metadata ->> 'dropped' IS NULL)
                             FROM audit_logs WHERE action = 'audit.gap' AND created_at > (unixepoch() - ?1 * 86400) * 1000000
                            GROUP BY 1 ORDER BY 1";
        let rows =
            sqlx::query_as::<_, (String, i64, i64)>(SQL).bind(GAPS_OF_DAYS).fetch_all(&mut *self.connection).await;
        match rows {
            Ok(rows) => {
                let gaps = rows.into_iter().map(|(reason, dropped, uncounted)| Gap { reason, dropped, uncounted });
                Finding::of_gaps(&gaps.collect::<Vec<_>>())
            }
            Err(error) => Finding::unseen("gaps", &store_error(format!("cannot read {}", self.file.describe()), error)),
        }
    }

    /// How far the log is sealed.
    async fn sealing(&mut self) -> Finding {
        const SQL: &str = "SELECT (SELECT count(*) FROM audit_unsealed u
                                     JOIN audit_batches b ON b.stream_id = u.stream_id AND b.batch_no = u.batch_no
                                    WHERE b.db_time < (unixepoch() - 60) * 1000000),
                                  (SELECT max(size) FROM audit_checkpoints),
                                  (SELECT unixepoch() - b.db_time / 1000000
                                     FROM audit_tree t
                                     JOIN audit_batches b ON b.stream_id = t.stream_id AND b.batch_no = t.batch_no
                                    WHERE t.leaf = (SELECT max(size) FROM audit_checkpoints))";
        let row = sqlx::query_as::<_, (i64, Option<i64>, Option<i64>)>(SQL).fetch_one(&mut *self.connection).await;
        match row {
            Ok((unsealed, covered, waiting)) => Finding::of_sealing(unsealed, covered, waiting),
            Err(error) => {
                Finding::unseen("sealing", &store_error(format!("cannot read {}", self.file.describe()), error))
            }
        }
    }

    async fn version(&mut self) -> Finding {
        const CHECK: &str = "version";
        let version = match self.ask("SELECT sqlite_version()").await {
            Ok(version) => version,
            Err(error) => return Finding::unseen(CHECK, &error),
        };
        let numbers: Vec<u32> = version.split('.').filter_map(|number| number.parse().ok()).collect();
        if numbers.as_slice() >= FIRST_SOUND_VERSION.as_slice() {
            return Finding::green(CHECK, format!("SQLite {version}"));
        }
        let message = format!("SQLite {version} may damage a file in WAL mode");
        Finding::red(CHECK, message, "build with the SQLite that comes with audit-core, not with the system's")
    }

    async fn journal(&mut self) -> Finding {
        const CHECK: &str = "journal";
        match self.ask("PRAGMA journal_mode").await {
            Ok(mode) if mode == "wal" => Finding::green(CHECK, "in WAL mode"),
            Ok(mode) => {
                let message = format!("in {mode} mode, where readers and the writer wait for each other");
                Finding::yellow(CHECK, message, "record an entry: the writer switches the file to WAL mode")
            }
            Err(error) => Finding::unseen(CHECK, &error),
        }
    }

    /// Whether this user may write, and how far the writer goes to keep what it wrote.
    async fn privileges(&mut self) -> Finding {
        const CHECK: &str = "privileges";
        if self.file.is_open_to_others() {
            let message = "other users of this machine may read or write the file";
            return Finding::yellow(CHECK, message, "chmod 600 the file, its -wal and its -shm");
        }
        match self.try_write().await {
            Ok(2) => Finding::green(CHECK, "this user may write, and every commit is synced"),
            Ok(synchronous) => {
                let message = format!("commits are written with synchronous={synchronous} instead of 2 (FULL)");
                Finding::red(CHECK, message, "build with the SQLite that comes with audit-core")
            }
            Err(error) if error.class() == ErrorClass::Transient => {
                Finding::yellow(CHECK, error.to_string(), "look which program keeps the file locked")
            }
            Err(error) => {
                let message = format!("this user may read, and not write: {error}");
                Finding::yellow(
                    CHECK,
                    message,
                    "give the program that writes the right to write the file and its directory",
                )
            }
        }
    }

    /// Takes the write lock and gives it back, on a connection as the writer has it.
    async fn try_write(&self) -> Result<i64, StoreError> {
        let mut connection = self.file.open(Access::Write).await?;
        let tried = async {
            sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut connection).await?;
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut connection).await
        }
        .await;
        close(connection).await;
        tried.map_err(|error| store_error(format!("cannot write {}", self.file.describe()), error))
    }

    async fn guards(&mut self) -> Finding {
        const CHECK: &str = "guards";
        let names = "SELECT coalesce(group_concat(name, ' '), '') FROM sqlite_schema WHERE type = 'trigger'";
        let names = match self.ask(names).await {
            Ok(names) => names,
            Err(error) => return Finding::unseen(CHECK, &error),
        };
        let expected = GUARDED.iter().flat_map(|table| GUARDS.iter().map(move |guard| format!("{table}_{guard}")));
        let missing: Vec<_> = expected.filter(|guard| !names.split(' ').any(|name| name == guard)).collect();
        if missing.is_empty() {
            return Finding::green(CHECK, "UPDATE, DELETE and INSERT OR REPLACE are refused");
        }
        let message = format!("triggers are gone: {}", missing.join(", "));
        Finding::red(CHECK, message, "find out who dropped them, then make them again from the migrations")
    }

    async fn ask(&mut self, question: &'static str) -> Result<String, StoreError> {
        let answer = sqlx::query_scalar(question).fetch_one(&mut *self.connection).await;
        answer.map_err(|error| store_error(format!("cannot read {}", self.file.describe()), error))
    }
}
