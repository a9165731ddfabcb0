//! SQLite: the writer beside statements of many rows by hand, into the seed's table.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use audit_core::migrate::{Options, migrate};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::{COLUMNS, indexes, store, writer};
use crate::figures::Figures;
use crate::rounds::Rounds;

const OURS: &str = "the writer";
/// As many rows as there may be variables for: SQLite takes 32,766, and a row is ten.
pub(super) const BY_VARIABLES: &str = "statements of 3,000 rows by hand";
const ROWS_BY_VARIABLES: usize = 3_000;
/// One variable for all rows, so that there may be more.
pub(super) const BY_JSON: &str = "json_each over 5,000 rows by hand";
const ROWS_BY_JSON: usize = 5_000;
const BY_VARIABLES_LIKE_THE_LOG: &str = "statements of 3,000 rows, with the log's cache";
const BY_JSON_LIKE_THE_LOG: &str = "json_each over 5,000 rows, with the log's cache";
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
        let rows = rows_of(&log).await;
        for (way, memory) in [(BY_VARIABLES, Memory::OfSqlite), (BY_VARIABLES_LIKE_THE_LOG, Memory::OfTheLog)] {
            figures.add(way, by_variables(&rows, open(&folder.path().join(way), memory).await).await);
        }
        for (way, memory) in [(BY_JSON, Memory::OfSqlite), (BY_JSON_LIKE_THE_LOG, Memory::OfTheLog)] {
            figures.add(way, by_json(&rows, open(&folder.path().join(way), memory).await).await);
        }
    }
    figures
}

/// A row of the seed's: its id, the columns that are text, and its time in microseconds.
type Row = (Vec<u8>, [Option<String>; 8], i64);

async fn rows_of(log: &Path) -> Vec<Row> {
    let mut source = SqliteConnectOptions::new().filename(log).connect().await.expect("the log is there");
    let select = format!("SELECT {COLUMNS} FROM audit_logs");
    let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut source).await.expect("the log's rows");
    let texts = |row: &SqliteRow| std::array::from_fn(|column| row.get(column + 1));
    rows.iter().map(|row| (row.get(0), texts(row), row.get(9))).collect()
}

/// The rows into the seed's table, as durable as the log.
async fn by_variables(rows: &[Row], mut connection: SqliteConnection) -> f64 {
    let began = Instant::now();
    for rows in rows.chunks(ROWS_BY_VARIABLES) {
        let mut insert = format!("INSERT INTO audit_logs ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        for _ in 1..rows.len() {
            let _ = write!(insert, ", (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        }
        let mut query = sqlx::query(AssertSqlSafe(insert));
        for (id, texts, created_at) in rows {
            query = query.bind(id);
            for text in texts {
                query = query.bind(text);
            }
            query = query.bind(created_at);
        }
        query.execute(&mut connection).await.expect("the rows are inserted");
    }
    rate(connection, rows.len(), began).await
}

/// The same, all rows of a statement in one text.
async fn by_json(rows: &[Row], mut connection: SqliteConnection) -> f64 {
    let values: Vec<_> = (1..10).map(|column| format!("value ->> {column}")).collect();
    let insert = format!(
        "INSERT INTO audit_logs ({COLUMNS}) SELECT unhex(value ->> 0), {} FROM json_each(?)",
        values.join(", ")
    );
    let began = Instant::now();
    for rows in rows.chunks(ROWS_BY_JSON) {
        let row = |(id, texts, created_at): &Row| {
            let id = id.iter().fold(String::with_capacity(32), |mut id, byte| {
                let _ = write!(id, "{byte:02x}");
                id
            });
            let texts = texts.iter().map(|text| json!(text));
            std::iter::once(json!(id)).chain(texts).chain([json!(created_at)]).collect::<Value>()
        };
        let rows = rows.iter().map(row).collect::<Value>().to_string();
        sqlx::query(AssertSqlSafe(insert.clone())).bind(rows).execute(&mut connection).await.expect("rows inserted");
    }
    rate(connection, rows.len(), began).await
}

async fn rate(connection: SqliteConnection, rows: usize, began: Instant) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
    let rate = rows as f64 / began.elapsed().as_secs_f64();
    connection.close().await.expect("a good-bye");
    rate
}

/// How much of the file and of its WAL SQLite keeps before it writes.
#[derive(Clone, Copy)]
enum Memory {
    /// What it has by itself: 2 MiB, and 4 MB of WAL.
    OfSqlite,
    /// What the log's connections have.
    OfTheLog,
}

async fn open(file: &Path, memory: Memory) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    if matches!(memory, Memory::OfTheLog) {
        options = options.pragma("cache_size", "-65536").pragma("wal_autocheckpoint", "20000");
    }
    let mut connection = options.connect().await.expect("the file is new");
    for sql in [TABLE.to_owned(), indexes("audit_logs")] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the table is new");
    }
    connection
}
