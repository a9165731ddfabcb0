//! SQLite: the writer beside statements of many rows by hand, into the seed's table.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use audit_core::migrate::{Options, migrate};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::{COLUMNS, indexes, store, writer};
use crate::figures::Figures;
use crate::rounds::Rounds;

const OURS: &str = "the writer";
pub(super) const BY_HAND: &str = "statements of 3,000 rows by hand";
/// As many as there may be variables for.
const ROWS: usize = 3_000;
const AT_MOST: Duration = Duration::from_mins(5);
const TABLE: &str =
    "CREATE TABLE audit_logs (id BLOB PRIMARY KEY, actor_id TEXT, actor_type TEXT, action TEXT, target_type TEXT,
        target_id TEXT, metadata TEXT, ip_address TEXT, user_agent TEXT, created_at INTEGER);";

pub(super) async fn run(rows: u64, rounds: usize) -> Figures {
    let mut figures = Figures::new(OURS, "entries/s");
    for _ in Rounds::new(rounds, AT_MOST) {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let log = folder.path().join("audit.db");
        let url = format!("sqlite:{}", log.display());
        migrate(&url, &Options::new()).await.expect("the file is new");
        figures.add(OURS, store(writer(&url, 1), rows).await.rate);
        figures.add(BY_HAND, by_hand(&log, &folder.path().join("seed.db")).await);
    }
    figures
}

/// The rows of a log into the seed's table, as durable as the log.
async fn by_hand(log: &std::path::Path, seed: &std::path::Path) -> f64 {
    let mut source = SqliteConnectOptions::new().filename(log).connect().await.expect("the log is there");
    let select = format!("SELECT {COLUMNS} FROM audit_logs");
    let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut source).await.expect("the log's rows");
    let mut connection = open(seed).await;
    let began = Instant::now();
    for rows in rows.chunks(ROWS) {
        let mut insert = format!("INSERT INTO audit_logs ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        for _ in 1..rows.len() {
            let _ = write!(insert, ", (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        }
        let mut query = sqlx::query(AssertSqlSafe(insert));
        for row in rows {
            query = query.bind(row.get::<Vec<u8>, _>(0));
            for column in 1..9 {
                query = query.bind(row.get::<Option<String>, _>(column));
            }
            query = query.bind(row.get::<i64, _>(9));
        }
        query.execute(&mut connection).await.expect("the rows are inserted");
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
    let rate = rows.len() as f64 / began.elapsed().as_secs_f64();
    connection.close().await.expect("a good-bye");
    rate
}

async fn open(file: &std::path::Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection = options.connect().await.expect("the file is new");
    for sql in [TABLE.to_owned(), indexes("audit_logs")] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the table is new");
    }
    connection
}
