//! What may be wrong in the database while its server and the network are well.

use std::fmt;
use std::time::{Duration, Instant};

use audit_core::dead_letters::DeadLetters;
use audit_core::store::Schema;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::disk::Disk;
use crate::postgres::Database;

/// How long a change of the database may take while others write to it.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);
/// Of the rows that were refused, so many are sent again.
const RETRIED: u32 = 100;
/// The writer's `lock_timeout` is shorter, in ms.
const LOCKED_FOR_LONG: u64 = 11_000;
/// A disk is full for as long at least, in ms.
const FULL_FOR: u64 = 3_000;

/// What is wrong in the database for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Another session has a table for itself.
    Locked(&'static str),
    /// The same, for longer than the writer's sessions wait for a lock.
    LockedForLong,
    /// It takes no writes, as after a failover to a replica.
    ReadOnly,
    /// Its disk is full.
    FullDisk,
    /// Rows about one of the doors are refused, and some calls'.
    Poison,
    /// The table of rows is elsewhere.
    NoTable,
}

impl Trouble {
    /// How long it lasts at least, in ms, where that matters.
    pub(super) const fn lasts(self) -> u64 {
        match self {
            Self::LockedForLong => LOCKED_FOR_LONG,
            // There may be room left in the pages there are.
            Self::FullDisk => FULL_FOR,
            _ => 0,
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Locked(table) => table,
            _ => "audit_logs",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(table) => write!(f, "{table} locked"),
            Self::LockedForLong => f.write_str("audit_logs locked for longer than lock_timeout"),
            Self::ReadOnly => f.write_str("database read-only"),
            Self::FullDisk => f.write_str("database's disk full"),
            Self::Poison => f.write_str("rows about some targets refused"),
            Self::NoTable => f.write_str("audit_logs elsewhere"),
        }
    }
}

/// A trouble that lasts until it is [ended](Self::end).
#[derive(Debug)]
pub(super) struct Lasting<'a> {
    trouble: Trouble,
    database: &'a Database<'a>,
    disk: &'a Disk,
    /// The session that holds a lock, in a transaction of its own.
    session: Option<PgConnection>,
}

impl<'a> Lasting<'a> {
    pub(super) async fn begin(trouble: Trouble, database: &'a Database<'a>, disk: &'a Disk) -> Self {
        let mut session = None;
        match trouble {
            Trouble::Locked(_) | Trouble::LockedForLong => session = Some(lock(database, trouble.table()).await),
            Trouble::ReadOnly => set_read_only(database, "SET default_transaction_read_only = on").await,
            Trouble::FullDisk => disk.fill(),
            Trouble::Poison => {
                change(
                    database,
                    "ALTER TABLE control_plane.audit_logs ADD CONSTRAINT fine CHECK (target_id NOT LIKE '%3') NOT VALID",
                )
                .await;
            }
            Trouble::NoTable => change(database, "ALTER TABLE control_plane.audit_logs RENAME TO elsewhere").await,
        }
        Self { trouble, database, disk, session }
    }

    pub(super) async fn end(self) {
        match self.trouble {
            Trouble::Locked(_) | Trouble::LockedForLong => {
                let session = self.session.expect("it holds the lock");
                session.close().await.expect("the connection is well");
            }
            Trouble::ReadOnly => set_read_only(self.database, "RESET default_transaction_read_only").await,
            Trouble::FullDisk => {
                self.disk.free();
                recovered(self.database).await;
            }
            Trouble::Poison => {
                change(self.database, "ALTER TABLE control_plane.audit_logs DROP CONSTRAINT fine").await;
                send_again(self.database).await;
            }
            Trouble::NoTable => change(self.database, "ALTER TABLE control_plane.elsewhere RENAME TO audit_logs").await,
        }
    }
}

/// Makes partitions that hold a day each, so that there are many.
pub(super) async fn partition_by_day(database: &Database<'_>) {
    change(database, "SELECT control_plane.audit_set_partition_interval('day', 30 * 86400)").await;
}

/// Drops the partition of a time so many days from now, if there is one and nothing in it.
pub(super) async fn forget_partition(database: &Database<'_>, days: i32) {
    let sql = format!(
        "DO $$
         DECLARE
             name text := (SELECT partition FROM control_plane.audit_partitions()
                            WHERE now() + interval '{days} days' >= lower_bound AND now() + interval '{days} days' < upper_bound);
             is_empty boolean;
         BEGIN
             IF name IS NOT NULL THEN
                 LOCK TABLE control_plane.audit_logs IN ACCESS EXCLUSIVE MODE;
                 EXECUTE format('SELECT NOT EXISTS (SELECT FROM control_plane.%I)', name) INTO is_empty;
                 IF is_empty THEN
                     EXECUTE format('DROP TABLE control_plane.%I', name);
                 END IF;
             END IF;
         END $$"
    );
    change(database, &sql).await;
}

async fn lock(database: &Database<'_>, table: &str) -> PgConnection {
    let sql =
        format!("BEGIN; SET LOCAL lock_timeout = '500ms'; LOCK TABLE control_plane.{table} IN ACCESS EXCLUSIVE MODE");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut session = database.connect().await;
        // After a failure the session is good for nothing.
        match sqlx::raw_sql(AssertSqlSafe(sql.as_str())).execute(&mut session).await {
            Ok(_) => return session,
            Err(error) => assert!(Instant::now() < deadline, "{error}\n{sql}"),
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Has the server's sessions refuse writes, also those there are, or no longer.
async fn set_read_only(database: &Database<'_>, what: &str) {
    change_alone(database, &format!("ALTER SYSTEM {what}")).await;
    change_alone(database, "SELECT pg_reload_conf()").await;
}

/// Changes the database, as soon as those who use it let that be.
async fn change(database: &Database<'_>, sql: &str) {
    change_alone(database, &format!("BEGIN READ WRITE; SET LOCAL lock_timeout = '500ms'; {sql}; COMMIT")).await;
}

/// [`change`] by one statement that no transaction may hold.
async fn change_alone(database: &Database<'_>, sql: &str) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = database.try_execute(sql).await {
        assert!(Instant::now() < deadline, "{error}\n{sql}");
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until a server whose disk was full is well again. At the wrong moment that is a crash to it, and if there still is no room
/// to recover, its end.
async fn recovered(database: &Database<'_>) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = database.try_execute("CHECKPOINT").await {
        assert!(Instant::now() < deadline, "{error}");
        if database.server().has_ended() {
            database.server().start_again();
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Sends some of the rows again that were refused.
async fn send_again(database: &Database<'_>) {
    let url = database.url();
    let mut letters = DeadLetters::connect(&url, &Schema::default()).await.expect("the server takes connections");
    let refused = letters.list(None, RETRIED).await.expect("the dead letters can be read");
    for letter in &refused {
        letters.retry(letter.id).await.expect("nothing refuses it any more");
    }
    println!("{:33}{} refused rows sent again", "", refused.len());
    letters.close().await;
}
