//! A log to look at, of either kind.

use std::path::Path;

use audit_core::batch::Batch;
use audit_core::query::Reader;
use audit_core::seal::{Sealed, Sealer};
use audit_core::signing::SigningKey;
use audit_core::store::{self, Landed, Schema, SharedStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;
use tests::postgres::{Database, server};

/// A migrated log of either kind.
pub(crate) struct Log {
    pub(crate) url: String,
    pub(crate) store: SharedStore,
    place: Place,
}

pub(crate) enum Place {
    Postgres(Database<'static>),
    Sqlite(TempDir),
}

impl Log {
    pub(crate) async fn postgres() -> Self {
        let database = server().database().await;
        Self::migrated(database.url(), Place::Postgres(database)).await
    }

    pub(crate) async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("audit.db").display());
        Self::migrated(url, Place::Sqlite(directory)).await
    }

    pub(crate) async fn migrated(url: String, place: Place) -> Self {
        let store = store::open(&url, &Schema::default()).unwrap();
        store.migrate().await.unwrap();
        Self { url, store, place }
    }

    pub(crate) async fn land(&self, batch: &Batch) {
        let mut connection = self.store.connect().await.unwrap();
        assert_eq!(connection.land(batch).await.unwrap(), Landed::Stored { dead_lettered: 0 });
        connection.close().await;
    }

    pub(crate) async fn reader(&self) -> Reader {
        Reader::connect(&self.url, &Schema::default()).await.unwrap()
    }

    /// Runs statements as somebody who may do everything, and leaves the guards off.
    pub(crate) async fn tamper(&self, on_postgres: &str, on_sqlite: &str) {
        match &self.place {
            Place::Postgres(database) => {
                let guarded = [
                    "audit_logs",
                    "audit_batches",
                    "audit_dead_letters",
                    "audit_tree",
                    "audit_checkpoints",
                    "audit_prunings",
                    "audit_pruned_leaves",
                ];
                let off = guarded.map(|table| format!("ALTER TABLE {table} DISABLE TRIGGER ALL;")).concat();
                database.execute(&format!("BEGIN; SET search_path = control_plane; {off} {on_postgres}; COMMIT")).await;
            }
            Place::Sqlite(folder) => {
                let file = SqliteConnectOptions::new().filename(folder.path().join("audit.db"));
                let mut connection = file.connect().await.unwrap();
                let triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%RAISE(%'";
                let triggers: Vec<String> = sqlx::query_scalar(triggers).fetch_all(&mut connection).await.unwrap();
                let drops =
                    triggers.iter().map(|trigger| format!("DROP TRIGGER {trigger};")).collect::<Vec<_>>().concat();
                let sql = format!("PRAGMA ignore_check_constraints = ON; {drops} {on_sqlite}");
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    /// Puts everything into the tree, and signs it if there is a key.
    pub(crate) async fn seal(&self, key: Option<&SigningKey>) -> Sealed {
        let mut sealer = Sealer::new(&self.url, &Schema::default()).unwrap();
        if let Some(key) = key {
            sealer = sealer.signer(key.clone());
        }
        sealer.once().await.unwrap()
    }

    /// Runs statements as somebody who may do everything, with the guards on. SQLite knows no schemas.
    pub(crate) async fn attack(&self, sql: &str) -> Result<(), sqlx::Error> {
        match &self.place {
            Place::Postgres(database) => database.try_execute(&format!("BEGIN; {sql}; COMMIT")).await,
            Place::Sqlite(folder) => {
                let file = SqliteConnectOptions::new().filename(folder.path().join("audit.db"));
                let mut connection = file.connect().await?;
                let sql = format!("BEGIN; {}; ROLLBACK", sql.replace("control_plane.", ""));
                let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map(drop);
                connection.close().await?;
                done
            }
        }
    }

    /// The folder of the file.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Postgres(_) => None,
            Place::Sqlite(folder) => Some(folder.path()),
        }
    }

    pub(crate) const fn database(&self) -> Option<&Database<'static>> {
        match &self.place {
            Place::Postgres(database) => Some(database),
            Place::Sqlite(_) => None,
        }
    }

    pub(crate) const fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Postgres(_))
    }
}

/// Makes a test of each function, for each store.
macro_rules! for_both_stores {
    ($($test:ident)*) => {
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::log::Log::postgres().await).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::log::Log::sqlite().await).await;
            })*
        }
    };
}
pub(crate) use for_both_stores;
