//! Runs the `audit` command as a shell would, in a folder and an environment of its own.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use audit_core::batch::Freezer;
use audit_core::store::{self, Schema};
use audit_core::{ActionName, Entry};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tempfile::TempDir;

pub(crate) struct Shell {
    folder: TempDir,
    variables: Vec<(&'static str, OsString)>,
}

impl Shell {
    /// An environment that says nothing of a database.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// A log in an SQLite file, up to date.
    pub(crate) fn with_log() -> Self {
        let shell = Self::new().with("DATABASE_URL", "sqlite:audit.db");
        shell.run(&["migrate"]).success();
        shell
    }

    pub(crate) fn with(mut self, variable: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((variable, value.into()));
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_audit"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().envs(self.variables.iter().cloned());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a terminal gets that the command runs in.
    #[cfg(target_os = "linux")]
    pub(crate) fn run_in_terminal(&self, arguments: &str) -> String {
        let command = format!("'{}' {arguments}", env!("CARGO_BIN_EXE_audit"));
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("TERM", "xterm")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{shown}");
        shown
    }

    /// Runs statements on the log of [`Self::with_log`], as whoever may write the file can.
    pub(crate) fn execute(&self, sql: impl Into<String>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let file = SqliteConnectOptions::new().filename(self.folder().join("audit.db"));
            let mut connection = file.connect().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&mut connection).await.unwrap();
        });
    }

    /// Puts an entry into the log of [`Self::with_log`] that was made so many days ago.
    pub(crate) fn record_days_ago(&self, days: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url = format!("sqlite:{}", self.folder().join("audit.db").display());
            let now = SystemTime::now();
            let entry = Entry::builder(ActionName::unlisted("door.opened").unwrap());
            let entry = entry.created_at(now - Duration::from_hours(24 * days)).build();
            land(&url, vec![entry]).await;
        });
    }

    /// The entries that a query finds.
    pub(crate) fn entries(&self, filters: &[&str]) -> Vec<Value> {
        let ran = self.run(&[&["query", "--format", "jsonl"], filters].concat()).success();
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Puts entries into a log, as a writer does.
pub(crate) async fn land(url: &str, entries: Vec<Entry>) {
    let batch = Freezer::new().freeze(entries, SystemTime::now());
    let mut connection = store::open(url, &Schema::default()).unwrap().connect().await.unwrap();
    connection.land(&batch).await.unwrap();
    connection.close().await;
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        self.exits_with(0)
    }

    #[track_caller]
    pub(crate) fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn complains(self, of: &str) -> Self {
        assert!(self.err.contains(of), "`{of}` is not in: {}", self.err);
        self
    }
}
