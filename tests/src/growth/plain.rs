//! The seed's table, with the rows of a log.

use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::postgres::Database;
use crate::writing::{COLUMNS, SEED_TABLE, indexes};

pub(super) struct Plain<'d> {
    database: &'d Database<'d>,
    /// On the server.
    file: String,
}

impl<'d> Plain<'d> {
    /// The table anew, beside a log, with all rows of it. Its indexes are made afterwards, because that is faster.
    pub(super) async fn of(database: &'d Database<'d>) -> Self {
        let folder: String = database.value("SHOW data_directory").await;
        database.execute("DROP SCHEMA IF EXISTS seed CASCADE").await;
        database.execute(SEED_TABLE).await;
        let copy = format!("INSERT INTO seed.audit_logs ({COLUMNS}) SELECT {COLUMNS} FROM control_plane.audit_logs");
        database.execute(&copy).await;
        let indexes = indexes("seed.audit_logs");
        database.execute(&format!("SET maintenance_work_mem = '512MB'; {indexes}")).await;
        database.execute("VACUUM (FREEZE, ANALYZE) seed.audit_logs").await;
        Self { database, file: format!("{folder}/rows.copy") }
    }

    /// The rate at which the rows that the log has taken since then are copied.
    pub(super) async fn copy_since(&self, since: DateTime<Utc>) -> f64 {
        let since = since.to_rfc3339_opts(SecondsFormat::Micros, true);
        let rows = format!("SELECT {COLUMNS} FROM control_plane.audit_logs WHERE created_at >= '{since}'");
        self.database.execute(&format!("COPY ({rows}) TO '{}'", self.file)).await;
        self.database.execute("CHECKPOINT").await;
        let copy = format!("COPY seed.audit_logs ({COLUMNS}) FROM '{}'", self.file);
        let mut connection = self.database.connect().await;
        let began = Instant::now();
        let copied = sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.expect("the rows are copied");
        let seconds = began.elapsed().as_secs_f64();
        connection.close().await.expect("a good-bye");
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
        let rows = copied.rows_affected() as f64;
        rows / seconds
    }
}
