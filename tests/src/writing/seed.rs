//! The seed's table, and ways by hand to bring rows into it.

use std::time::Instant;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::types::ipnet::IpNet;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use uuid::Uuid;

use super::{COLUMNS, indexes};
use crate::postgres::Database;

pub(crate) const TABLE: &str = "CREATE SCHEMA seed;
    CREATE TABLE seed.audit_logs (id uuid PRIMARY KEY, actor_id text, actor_type text NOT NULL, action text NOT NULL,
        target_type text, target_id text, metadata jsonb, ip_address inet, user_agent text, created_at timestamptz NOT NULL);";
/// Rows of one INSERT each; more would take too long.
const INSERTS: usize = 10_000;
/// A file of COPY BINARY begins with its signature, flags, and the length of no extension.
const BINARY_HEADER: usize = 19;
const BINARY_END: [u8; 2] = (-1_i16).to_be_bytes();

/// The seed's table beside a log, and the rows of that log.
pub(super) struct Seed<'d> {
    database: &'d Database<'d>,
    /// On the server.
    file: String,
    /// As COPY BINARY has them.
    binary: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone)]
struct Row {
    id: Uuid,
    actor_id: Option<String>,
    actor_type: String,
    action: String,
    target_type: Option<String>,
    target_id: Option<String>,
    metadata: Value,
    ip_address: Option<IpNet>,
    user_agent: Option<String>,
    created_at: DateTime<Utc>,
}

impl Row {
    fn of(row: &PgRow) -> Self {
        Self {
            id: row.get("id"),
            actor_id: row.get("actor_id"),
            actor_type: row.get("actor_type"),
            action: row.get("action"),
            target_type: row.get("target_type"),
            target_id: row.get("target_id"),
            metadata: row.get("metadata"),
            ip_address: row.get("ip_address"),
            user_agent: row.get("user_agent"),
            created_at: row.get("created_at"),
        }
    }
}

impl<'d> Seed<'d> {
    /// An empty table beside a log.
    pub(super) async fn of(database: &'d Database<'d>) -> Self {
        let log = format!("SELECT {COLUMNS} FROM control_plane.audit_logs");
        let folder: String = database.value("SHOW data_directory").await;
        let file = format!("{folder}/rows.copy");
        database.execute(TABLE).await;
        database.execute(&indexes("seed.audit_logs")).await;
        database.execute(&format!("COPY ({log}) TO '{file}'")).await;
        let mut connection = database.connect().await;
        let rows = sqlx::query(AssertSqlSafe(log.clone())).fetch_all(&mut connection).await.expect("the log's rows");
        let rows = rows.iter().map(Row::of).collect();
        let binary = copy_out(&mut connection, &format!("COPY ({log}) TO STDOUT (FORMAT binary)")).await;
        Self { database, file, binary, rows }
    }

    pub(super) async fn copy_from_file(&self) -> f64 {
        let copy = format!("COPY seed.audit_logs ({COLUMNS}) FROM '{}'", self.file);
        let mut connection = self.emptied().await;
        let began = Instant::now();
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.expect("the rows are copied");
        rate(self.rows.len(), began)
    }

    /// So many rows in each statement.
    pub(super) async fn copy_binary(&self, most: usize) -> f64 {
        let copy = format!("COPY seed.audit_logs ({COLUMNS}) FROM STDIN (FORMAT binary)");
        let parts = parts(&self.binary, most);
        let mut connection = self.emptied().await;
        let began = Instant::now();
        for part in parts {
            let mut sink = connection.copy_in_raw(&copy).await.expect("a COPY");
            for bytes in [&self.binary[..BINARY_HEADER], part, &BINARY_END] {
                sink.send(bytes).await.expect("the rows are sent");
            }
            sink.finish().await.expect("the rows are copied");
        }
        rate(self.rows.len(), began)
    }

    /// So many rows in each statement.
    pub(super) async fn unnest(&self, most: usize) -> f64 {
        let insert = format!(
            "INSERT INTO seed.audit_logs ({COLUMNS}) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
                 $6::text[], $7::jsonb[], $8::inet[], $9::text[], $10::timestamptz[])"
        );
        let mut connection = self.emptied().await;
        let began = Instant::now();
        for rows in self.rows.chunks(most) {
            sqlx::query(AssertSqlSafe(insert.clone()))
                .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.actor_id.clone()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.actor_type.clone()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.action.clone()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.target_type.clone()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.target_id.clone()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.metadata.clone()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.ip_address).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.user_agent.clone()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
                .execute(&mut connection)
                .await
                .expect("the rows are inserted");
        }
        rate(self.rows.len(), began)
    }

    /// One row in each statement, over so many connections.
    pub(super) async fn insert_each(&self, connections: usize) -> f64 {
        self.emptied().await;
        let rows = &self.rows[..self.rows.len().min(INSERTS)];
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(self.database.connect().await);
        }
        let began = Instant::now();
        let each = rows.len().div_ceil(connections).max(1);
        let tasks: Vec<_> = open
            .into_iter()
            .zip(rows.chunks(each).map(<[Row]>::to_vec))
            .map(|(connection, rows)| tokio::spawn(insert(connection, rows)))
            .collect();
        for task in tasks {
            task.await.expect("the rows are inserted");
        }
        rate(rows.len(), began)
    }

    /// Of the table with all of the rows, and its indexes.
    pub(super) async fn bytes(&self) -> i64 {
        self.copy_from_file().await;
        self.database.value("SELECT pg_total_relation_size('seed.audit_logs')").await
    }

    async fn emptied(&self) -> PgConnection {
        let mut connection = self.database.connect().await;
        sqlx::raw_sql("TRUNCATE seed.audit_logs").execute(&mut connection).await.expect("it is the seed's");
        connection
    }
}

async fn insert(mut connection: PgConnection, rows: Vec<Row>) {
    let insert = format!("INSERT INTO seed.audit_logs ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    for row in rows {
        sqlx::query(AssertSqlSafe(insert.clone()))
            .bind(row.id)
            .bind(row.actor_id)
            .bind(row.actor_type)
            .bind(row.action)
            .bind(row.target_type)
            .bind(row.target_id)
            .bind(row.metadata)
            .bind(row.ip_address)
            .bind(row.user_agent)
            .bind(row.created_at)
            .execute(&mut connection)
            .await
            .expect("the row is inserted");
    }
    connection.close().await.expect("a good-bye");
}

async fn copy_out(connection: &mut PgConnection, copy: &str) -> Vec<u8> {
    use futures_util::TryStreamExt as _;

    let stream = connection.copy_out_raw(copy).await.expect("a COPY");
    stream
        .try_fold(Vec::new(), async |mut all, part| {
            all.extend_from_slice(&part);
            Ok(all)
        })
        .await
        .expect("the rows")
}

/// The tuples of COPY BINARY, so many in each part. A tuple is its number of fields (2 bytes), and each field its length
/// (4 bytes, -1 for NULL) and its bytes.
fn parts(binary: &[u8], most: usize) -> Vec<&[u8]> {
    let (mut parts, mut at) = (Vec::new(), BINARY_HEADER);
    let mut begin = at;
    let mut tuples = 0;
    loop {
        let fields = i16::from_be_bytes(binary[at..at + 2].try_into().expect("two bytes"));
        if fields < 0 || tuples == most {
            if at > begin {
                parts.push(&binary[begin..at]);
            }
            (begin, tuples) = (at, 0);
        }
        if fields < 0 {
            return parts;
        }
        at += 2;
        for _ in 0..fields {
            let length = i32::from_be_bytes(binary[at..at + 4].try_into().expect("four bytes"));
            at += 4 + usize::try_from(length).unwrap_or(0);
        }
        tuples += 1;
    }
}

fn rate(rows: usize, began: Instant) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
    let rows = rows as f64;
    rows / began.elapsed().as_secs_f64()
}
