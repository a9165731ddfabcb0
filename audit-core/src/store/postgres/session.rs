//! One session with a server, with its limits.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _};
use tokio::time::timeout;

use super::address;
use super::sqlstate::{PROTOCOL_VIOLATION, store_error};
use crate::store::{ErrorClass, StoreError};

/// How long a server may take to answer a call.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to hear a good-bye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What administrators see of a writer's sessions.
pub(super) const APPLICATION: &str = "audit-writer";
/// How long each process of an earlier connection may take to end.
const TERMINATE_TIMEOUT: Duration = Duration::from_secs(1);

/// What bounds a session's waits. A silent client loses its locks in half a minute, a silent server its client.
const LIMITS: [(&str, &str); 9] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "4"),
    ("synchronous_commit", "on"),
    ("timezone", "UTC"),
    // A setting of nobody's, by which a session knows that the others have arrived.
    ("audit.limited", "yes"),
];

/// How a session's limits are set and its statements prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The session is ours: limits set at its start, statements prepared once. One round trip lands a small batch.
    Direct,
    /// A pooler hands the server's session on after each transaction: every statement runs in an explicit
    /// transaction that sets its own limits, and nothing is prepared beyond it. Four round trips.
    Pooled,
}

/// A server's process, by the two things that together never name another.
#[derive(Debug, Clone)]
pub(super) struct Backend {
    pid: i32,
    /// µs since 1970.
    started: i64,
}

/// A session that is ready for batches.
pub(super) struct Session {
    pub(super) connection: PgConnection,
    pub(super) mode: Mode,
    /// The process at the other end; unknown behind a pooler.
    pub(super) backend: Option<Backend>,
}

/// Connects within [`CONNECT_TIMEOUT`], without limits of ours.
pub(crate) async fn connect_bare(server: &PgConnectOptions, name: &str) -> Result<PgConnection, StoreError> {
    let action = || format!("cannot reach {}", address::describe(server));
    match attempt(&named(server, name)).await {
        Ok(connected) => connected.map_err(|error| store_error(action(), error)),
        Err(error) => Err(no_answer(action(), error)),
    }
}

/// The answer to a statement. `limit` is a little longer than a statement may take, so that the server says what it was.
pub(crate) async fn answer<T>(
    limit: Duration,
    action: &str,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match timeout(limit, statement).await {
        Ok(answer) => answer.map_err(|error| store_error(action, error)),
        Err(_) => Err(StoreError::new(ErrorClass::Transient, action, "the server did not answer")),
    }
}

/// Begins a transaction for statements that are prepared: behind a pooler, the parts of one may go to different sessions of the
/// server otherwise. [`end`] ends it.
pub(crate) async fn begin(connection: &mut PgConnection, limit: Duration, action: &str) -> Result<(), StoreError> {
    answer(limit, action, sqlx::raw_sql("BEGIN").execute(connection)).await.map(drop)
}

/// Ends a transaction, as it went.
pub(crate) async fn end<T>(
    connection: &mut PgConnection,
    limit: Duration,
    action: &str,
    result: Result<T, StoreError>,
) -> Result<T, StoreError> {
    let sql = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = answer(limit, action, sqlx::raw_sql(sql).execute(connection)).await;
    let result = result?;
    ended.map(|_| result)
}

/// Says good-bye within [`CLOSE_TIMEOUT`].
pub(crate) async fn close(connection: PgConnection) {
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
}

/// Connects with limits. Whether a pooler stands between is found out, unless it is known that one does.
pub(super) async fn connect(server: &PgConnectOptions, pooler: bool) -> Result<Session, StoreError> {
    connect_as(APPLICATION, server, pooler).await
}

/// Connects with limits, and finds out whether a pooler stands between.
pub(crate) async fn connect_limited(server: &PgConnectOptions, name: &str) -> Result<(PgConnection, Mode), StoreError> {
    let session = connect_as(name, server, false).await?;
    Ok((session.connection, session.mode))
}

async fn connect_as(name: &str, server: &PgConnectOptions, pooler: bool) -> Result<Session, StoreError> {
    let bare = named(server, name);
    let action = || format!("cannot reach {}", address::describe(server));
    let first = if pooler { bare.clone() } else { bare.clone().options(LIMITS) };
    let connected = match attempt(&first).await.map_err(|error| no_answer(action(), error))? {
        // PgBouncer refuses options that it cannot hand on.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(PROTOCOL_VIOLATION) => {
            attempt(&bare).await.map_err(|error| no_answer(action(), error))?
        }
        other => other,
    };
    let mut connection = connected.map_err(|error| store_error(action(), error))?;
    let (mode, backend) = match examine(&mut connection, server).await? {
        // The settings may be those that an earlier client left in the pooler's session.
        _ if pooler => (Mode::Pooled, None),
        found => found,
    };
    Ok(Session { connection, mode, backend })
}

/// Whether a pooler stands before a server and hands its sessions on, so that no session is anybody's.
pub(crate) async fn passes_sessions_on(url: &str) -> Result<bool, StoreError> {
    let server = address::parse(url)?;
    let session = connect(&server, false).await?;
    let passes_on = session.mode == Mode::Pooled;
    session.close().await;
    Ok(passes_on)
}

fn named(server: &PgConnectOptions, name: &str) -> PgConnectOptions {
    let server = server.clone();
    if server.get_application_name().is_some() { server } else { server.application_name(name) }
}

async fn attempt(server: &PgConnectOptions) -> Result<Result<PgConnection, sqlx::Error>, tokio::time::error::Elapsed> {
    timeout(CONNECT_TIMEOUT, server.connect()).await
}

fn no_answer(action: String, _: tokio::time::error::Elapsed) -> StoreError {
    StoreError::new(ErrorClass::Transient, action, format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))
}

async fn examine(
    connection: &mut PgConnection,
    server: &PgConnectOptions,
) -> Result<(Mode, Option<Backend>), StoreError> {
    // Limits that did not arrive were dropped by a pooler. In one statement, because behind a pooler two may run
    // in two sessions; unprepared, for the same reason.
    let question = "SELECT pg_backend_pid() AS pid,
            (SELECT (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity
              WHERE pid = pg_backend_pid()) AS started,
            current_setting('audit.limited', true) IS NOT DISTINCT FROM 'yes' AS limited,
            current_setting('server_encoding') AS encoding";
    let action = || format!("cannot use {}", address::describe(server));
    let answer = timeout(CONNECT_TIMEOUT, sqlx::raw_sql(question).fetch_one(&mut *connection))
        .await
        .map_err(|error| no_answer(action(), error))?;
    let read = || {
        let row = answer?;
        let backend = Backend { pid: row.try_get("pid")?, started: row.try_get("started")? };
        Ok((backend, row.try_get::<bool, _>("limited")?, row.try_get::<String, _>("encoding")?))
    };
    let (backend, limited, encoding) = read().map_err(|error| store_error(action(), error))?;
    if encoding != "UTF8" {
        let reason = format!("the database is encoded in {encoding}, and the log needs UTF8: create it anew");
        return Err(StoreError::new(ErrorClass::Operator, action(), reason));
    }
    Ok(if limited { (Mode::Direct, Some(backend)) } else { (Mode::Pooled, None) })
}

impl Session {
    /// Opens a transaction.
    pub(super) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let begin = match self.mode {
            Mode::Direct => "BEGIN".to_owned(),
            Mode::Pooled => format!("BEGIN; {}", local_limits()),
        };
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut self.connection).await.map(drop)
    }

    /// Runs one statement that gives back nothing, such as COMMIT.
    pub(super) async fn execute(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(sql).execute(&mut self.connection).await.map(drop)
    }

    /// Runs one statement in a transaction of its own, in one round trip.
    pub(super) async fn fetch_one(&mut self, sql: String) -> Result<PgRow, sqlx::Error> {
        let sql = match self.mode {
            Mode::Direct => sql,
            // Statements sent together are one transaction, and a pooler keeps it together.
            Mode::Pooled => format!("{}{sql}", local_limits()),
        };
        let mut rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await?;
        rows.pop().ok_or(sqlx::Error::RowNotFound)
    }

    /// Runs one statement in the transaction that is open.
    pub(super) async fn fetch_all(&mut self, sql: String) -> Result<Vec<PgRow>, sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await
    }

    /// Ends server processes of our own role, if they are still there.
    pub(super) async fn terminate(&mut self, backends: &[Backend]) -> Result<(), StoreError> {
        // Behind a pooler the process may serve somebody else by now.
        if self.mode == Mode::Pooled {
            return Ok(());
        }
        let list: Vec<_> = backends.iter().map(|backend| format!("({}, {})", backend.pid, backend.started)).collect();
        let sql = format!(
            "SELECT pg_terminate_backend(pid, {wait}) FROM pg_stat_activity
              WHERE usename = session_user
                AND (pid, (extract(epoch FROM backend_start) * 1000000)::bigint) IN (VALUES {list})",
            wait = TERMINATE_TIMEOUT.as_millis(),
            list = list.join(", ")
        );
        let ended = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await;
        ended.map(drop).map_err(|error| store_error("cannot end the processes of earlier connections", error))
    }

    /// Says good-bye, and does not wait long for it to be heard.
    pub(super) async fn close(self) {
        close(self.connection).await;
    }
}

fn local_limits() -> String {
    LIMITS.map(|(name, value)| format!("SET LOCAL {name} = '{value}'; ")).concat()
}
