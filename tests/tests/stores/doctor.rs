//! What an examination finds, on real stores.

use std::time::{Duration, SystemTime};

use audit_core::batch::Freezer;
use audit_core::doctor::{Finding, Level, examine};
use audit_core::migrate::{self, Options};
use audit_core::store::{self, Schema};
use audit_core::{ActionName, Entry};
use sqlx::{Connection as _, SqliteConnection};
use tests::postgres::{Database, server};

async fn found(url: &str) -> Vec<Finding> {
    examine(url, &Options::new()).await
}

fn the<'f>(findings: &'f [Finding], check: &str) -> &'f Finding {
    findings.iter().find(|finding| finding.check == check).unwrap_or_else(|| panic!("no {check} in {findings:#?}"))
}

#[track_caller]
fn assert_finding(findings: &[Finding], check: &str, level: Level, says: &str) {
    let finding = the(findings, check);
    let text = format!("{} {}", finding.message, finding.advice.as_deref().unwrap_or_default());
    assert!(finding.level == level && text.contains(says), "{finding:#?}");
}

#[track_caller]
fn assert_all_green(findings: &[Finding]) {
    assert!(findings.iter().all(|finding| finding.level == Level::Green), "{findings:#?}");
}

async fn migrated() -> Database<'static> {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    database
}

/// Makes partitions as a writer does.
async fn write(url: &str, age: Duration) {
    let store = store::open(url, &Schema::default()).unwrap();
    let mut connection = store.connect().await.unwrap();
    let at = SystemTime::now() - age;
    if age.is_zero() {
        connection.prepare(at.into()).await.unwrap();
    }
    let entry = Entry::builder(ActionName::unlisted("door.opened").unwrap()).created_at(at).build();
    connection.land(&Freezer::new().freeze(vec![entry], SystemTime::now())).await.unwrap();
    connection.close().await;
}

#[tokio::test]
async fn a_sound_log_is_green_to_its_writer_and_to_its_reader() {
    let database = migrated().await;
    assert_finding(&found(&database.url()).await, "partitions", Level::Green, "2, from");
    write(&database.url(), Duration::ZERO).await;
    for role in ["audit_writer", "audit_reader"] {
        let findings = found(&database.url_as(role).await).await;
        assert_all_green(&findings);
        for check in ["reach", "version", "encoding", "migrations", "privileges", "roles", "guards", "partitions"] {
            the(&findings, check);
        }
    }
}

#[tokio::test]
async fn a_user_who_could_remove_the_guards_is_warned_about() {
    let database = migrated().await;
    assert_finding(&found(&database.url()).await, "privileges", Level::Yellow, "remove the guards");
}

#[tokio::test]
async fn what_is_not_there_is_red_and_never_an_error() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = tempfile::tempdir().unwrap();
    for url in [
        format!("postgres://user:secret@{closed}/app"),
        format!("sqlite:{}/audit.db", nowhere.path().display()),
        "mysql://user:secret@localhost/app".to_owned(),
        "sqlite::memory:".to_owned(),
        "secret".to_owned(),
    ] {
        let findings = found(&url).await;
        assert_finding(&findings, "reach", Level::Red, "");
        assert_eq!(findings.len(), 1);
        assert!(the(&findings, "reach").advice.is_some());
        assert!(!format!("{findings:?}").contains("secret"), "{findings:?}");
    }
    assert!(!nowhere.path().join("audit.db").exists());
}

#[tokio::test]
async fn a_database_that_was_never_migrated_is_told_how() {
    let database = server().database().await;
    assert_finding(&found(&database.url()).await, "migrations", Level::Red, "run `audit migrate`");
}

#[tokio::test]
async fn a_database_of_another_encoding_is_red() {
    let database = server().database_with("ENCODING 'SQL_ASCII'").await;
    assert_finding(&found(&database.url()).await, "encoding", Level::Red, "SQL_ASCII");
}

#[tokio::test]
async fn a_guard_that_does_not_always_fire_is_red() {
    let database = migrated().await;
    write(&database.url(), Duration::ZERO).await;
    let partition: String = database.value("SELECT min(partition) FROM control_plane.audit_partitions()").await;
    for change in [
        format!("ALTER TABLE control_plane.{partition} ENABLE TRIGGER audit_forbid_change"),
        format!("DROP TRIGGER audit_forbid_truncate ON control_plane.{partition}"),
        "ALTER TABLE control_plane.audit_batches DISABLE TRIGGER audit_forbid_change".to_owned(),
    ] {
        let before = the(&found(&database.url()).await, "guards").message.clone();
        database.execute(&change).await;
        let findings = found(&database.url()).await;
        assert_finding(&findings, "guards", Level::Red, "lacks");
        assert_ne!(the(&findings, "guards").message, before);
    }
}

#[tokio::test]
async fn absent_roles_are_named_with_what_to_do() {
    let database = server().database().await;
    let plain = database.user("doctor_plain", "NOCREATEROLE").await;
    let name: String = database.value("SELECT current_database()::text").await;
    database.execute(&format!("GRANT CREATE ON DATABASE {name} TO doctor_plain")).await;
    let options = Options::new().with_role_prefix("never_made").unwrap();
    migrate::migrate(&plain, &options).await.unwrap();
    let findings = examine(&plain, &options).await;
    assert_finding(&findings, "roles", Level::Yellow, "audit_grant_roles()");
    assert_finding(&findings, "guards", Level::Green, "");
}

#[tokio::test]
async fn roles_of_the_cluster_that_have_no_grants_here_are_not_enough() {
    migrated().await;
    let database = server().database().await;
    let plain = database.user("doctor_second", "NOCREATEROLE").await;
    let name: String = database.value("SELECT current_database()::text").await;
    database.execute(&format!("GRANT CREATE ON DATABASE {name} TO doctor_second")).await;
    migrate::migrate(&plain, &Options::new()).await.unwrap();
    let findings = found(&plain).await;
    for lacking in ["audit_owner does not own", "audit_writer may not write", "audit_reader may not read"] {
        assert_finding(&findings, "roles", Level::Yellow, lacking);
    }
    database.execute("SELECT control_plane.audit_grant_roles()").await;
    assert_finding(&found(&database.url()).await, "roles", Level::Green, "");
    database.execute("REVOKE SELECT ON control_plane.audit_logs FROM audit_reader").await;
    assert_finding(&found(&database.url()).await, "roles", Level::Yellow, "audit_reader may not read");
}

/// What is found of a log with this interval and so many partitions of weeks before this one, with so many rows in each day.
async fn with_interval(interval: &str, narrowest: &str, partitions: u32, rows_a_day: u32) -> Finding {
    let database = migrated().await;
    database
        .execute(&format!(
            "UPDATE control_plane.audit_settings SET partition_interval = '{interval}', narrowest = '{narrowest}';
             SELECT control_plane.audit_ensure_partition(now() - n * interval '7 days') FROM generate_series(1, {partitions}) n;
             SET allow_system_table_mods = on;
             UPDATE pg_class c SET reltuples = {rows_a_day} * extract(epoch FROM least(p.upper_bound, now()) - p.lower_bound) / 86400
               FROM control_plane.audit_partitions() p
              WHERE c.oid = to_regclass('control_plane.' || p.partition) AND p.lower_bound < now()"
        ))
        .await;
    the(&found(&database.url_as("audit_reader").await).await, "interval").clone()
}

#[tokio::test]
async fn an_interval_that_the_rate_makes_far_too_long_or_short_is_told() {
    for (interval, narrowest, partitions, rows, level, says) in [
        ("week", "week", 2, 140_000, Level::Green, "a week, about"),
        ("week", "week", 2, 4_000_000, Level::Yellow, "interval auto"),
        ("day", "week", 2, 4_000_000, Level::Green, "a day, about"),
        ("auto", "hour", 2, 4_000_000, Level::Green, "a day, about"),
        ("auto", "week", 2, 4_000_000, Level::Yellow, "keep entries for a shorter time"),
        ("day", "week", 2, 10_000, Level::Green, "a day, about"),
        ("day", "week", 31, 10_000, Level::Yellow, "interval week"),
        ("hour", "week", 31, 10_000, Level::Yellow, "interval day"),
        ("day", "week", 31, 1_000_000, Level::Green, "a day, about"),
        ("week", "week", 31, 10_000, Level::Green, "a week, about"),
        ("auto", "day", 31, 10_000, Level::Green, "a week, about"),
    ] {
        let finding = with_interval(interval, narrowest, partitions, rows).await;
        assert_finding(&[finding], "interval", level, says);
    }
}

#[tokio::test]
async fn missing_partitions_are_told_before_rows_need_them() {
    let database = migrated().await;
    let now: String = database
        .value(
            "SELECT partition FROM control_plane.audit_partitions() WHERE lower_bound <= now() AND now() < upper_bound",
        )
        .await;
    database.execute(&format!("DROP TABLE control_plane.{now}")).await;
    assert_finding(&found(&database.url()).await, "partitions", Level::Yellow, "rows of now");
}

#[tokio::test]
async fn a_sound_file_is_green_and_a_dropped_trigger_red() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.db");
    let url = format!("sqlite:{}", path.display());
    std::fs::write(&path, "").unwrap();
    assert_finding(&found(&url).await, "migrations", Level::Red, "run `audit migrate`");
    std::fs::remove_file(&path).unwrap();

    migrate::migrate(&url, &Options::new()).await.unwrap();
    write(&url, Duration::ZERO).await;
    let findings = found(&url).await;
    assert_all_green(&findings);
    for check in ["reach", "version", "journal", "privileges", "migrations", "guards"] {
        the(&findings, check);
    }

    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("DROP TRIGGER audit_logs_no_replace").execute(&mut other).await.unwrap();
    assert_finding(&found(&url).await, "guards", Level::Red, "audit_logs_no_replace");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_may_read_is_yellow() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.db");
    let url = format!("sqlite:{}", path.display());
    migrate::migrate(&url, &Options::new()).await.unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_finding(&found(&url).await, "privileges", Level::Yellow, "chmod 600");
}
