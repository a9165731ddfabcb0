//! Partitions of the log in PostgreSQL.

use std::time::{Duration, SystemTime};

use audit_core::batch::Freezer;
use audit_core::migrate::{self, Options};
use audit_core::retention::{Retention, RetentionError};
use audit_core::store::{Connection, ErrorClass, Landed, Schema, open};
use chrono::TimeDelta;
use sqlx::{Connection as _, PgConnection};
use tests::postgres::{Database, server};
use tests::samples;

const DAY: Duration = Duration::from_hours(24);
const SOON: Duration = Duration::from_secs(10);

/// A migrated database without partitions.
async fn bare() -> Database<'static> {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    // Migrations make this week's and the next; these tests want to see every one made.
    database
        .execute(
            "DO $$ DECLARE made text; BEGIN
                 FOR made IN SELECT partition FROM control_plane.audit_partitions() LOOP
                     EXECUTE format('DROP TABLE control_plane.%I', made);
                 END LOOP;
             END $$",
        )
        .await;
    database
}

async fn connect(database: &Database<'_>) -> Box<dyn Connection> {
    open(&database.url(), &Schema::default()).unwrap().connect().await.unwrap()
}

async fn bounds(database: &Database<'_>) -> Vec<String> {
    database
        .value(
            "SELECT coalesce(array_agg(partition || ': ' || to_char(lower_bound AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
                    || ' to ' || to_char(upper_bound AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') ORDER BY lower_bound), '{}')
               FROM control_plane.audit_partitions()",
        )
        .await
}

#[tokio::test]
async fn a_batch_makes_the_partitions_that_its_rows_need_and_no_others() {
    let database = bare().await;
    let mut connection = connect(&database).await;
    let now = SystemTime::now();
    let entries = [now, now - 100 * DAY, now - 300 * DAY].map(samples::entry_at).to_vec();
    let batch = Freezer::new().freeze(entries, now);
    assert_eq!(connection.land(&batch).await.unwrap(), Landed::Stored { dead_lettered: 0 });
    assert_eq!(bounds(&database).await.len(), 3);
}

#[tokio::test]
async fn this_week_and_the_next_are_made_ahead_of_time() {
    let database = bare().await;
    let mut connection = connect(&database).await;
    connection.prepare(SystemTime::now().into()).await.unwrap();
    connection.prepare(SystemTime::now().into()).await.unwrap();
    assert_this_week_and_the_next(&database).await;
}

#[tokio::test]
async fn a_fresh_log_takes_rows_at_once() {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    assert_this_week_and_the_next(&database).await;
}

async fn assert_this_week_and_the_next(database: &Database<'_>) {
    let adjacent: bool = database
        .value(
            "SELECT count(*) = 2 AND bool_or(lower_bound <= now() AND now() < upper_bound)
                    AND max(upper_bound) - min(lower_bound) = interval '14 days'
                    AND min(lower_bound) = date_trunc('week', min(lower_bound), 'UTC')
               FROM control_plane.audit_partitions()",
        )
        .await;
    assert!(adjacent, "{:?}", bounds(database).await);
}

#[tokio::test]
async fn eight_sessions_make_forty_partitions_at_once() {
    let database = bare().await;
    let mut sessions = Vec::new();
    for _ in 0..8 {
        let mut connection = database.connect().await;
        sessions.push(tokio::spawn(async move {
            for week in 0..40 {
                sqlx::query("SELECT control_plane.audit_ensure_partition(now() - $1 * interval '7 days')")
                    .bind(week)
                    .execute(&mut connection)
                    .await?;
            }
            Ok::<_, sqlx::Error>(())
        }));
    }
    for session in sessions {
        session.await.unwrap().unwrap();
    }
    assert_eq!(bounds(&database).await.len(), 40);
}

#[tokio::test]
async fn bounds_stop_at_existing_neighbours() {
    let database = bare().await;
    // A Wednesday that was made by days: the rest of its week goes to both sides.
    database
        .execute(
            "DO $$
             DECLARE day timestamptz := date_trunc('week', now(), 'UTC') - interval '5 days';
             BEGIN
                 SET LOCAL timezone = 'UTC';
                 EXECUTE format('CREATE TABLE control_plane.audit_logs_day PARTITION OF control_plane.audit_logs
                                 FOR VALUES FROM (%L) TO (%L)', day, day + interval '1 day');
                 PERFORM control_plane.audit_ensure_partition(day - interval '1 second'),
                         control_plane.audit_ensure_partition(day),
                         control_plane.audit_ensure_partition(day + interval '4 days');
             END $$",
        )
        .await;
    let lengths: Vec<String> = database
        .value(
            "SELECT array_agg((upper_bound - lower_bound)::text ORDER BY lower_bound) FROM control_plane.audit_partitions()",
        )
        .await;
    assert_eq!(lengths, ["2 days", "1 day", "4 days"], "{:?}", bounds(&database).await);
}

#[tokio::test]
async fn a_time_out_of_range_makes_no_partition() {
    let database = bare().await;
    for time in ["now() - interval '401 days'", "now() + interval '15 days'", "'infinity'", "NULL"] {
        let error = database
            .try_execute(&format!("SELECT control_plane.audit_ensure_partition({time})"))
            .await
            .expect_err(time);
        assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("AU001"), "{time}: {error}");
    }
    assert_eq!(bounds(&database).await, [""; 0]);
}

#[tokio::test]
async fn a_partition_that_is_there_takes_rows_of_any_age() {
    let database = bare().await;
    database
        .execute(
            "DO $$ BEGIN EXECUTE format('CREATE TABLE control_plane.audit_logs_old PARTITION OF control_plane.audit_logs
                 FOR VALUES FROM (%L) TO (%L)', now() - interval '402 days', now() - interval '399 days'); END $$",
        )
        .await;
    let mut connection = connect(&database).await;
    connection.prepare((SystemTime::now() - 401 * DAY).into()).await.unwrap();
    let error = database
        .try_execute("SELECT control_plane.audit_ensure_partition(now() - interval '403 days')")
        .await
        .unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("AU001"), "{error}");
}

/// Sets the interval as an admin does.
async fn set_interval(database: &Database<'_>, interval: &str, keep: TimeDelta) -> Result<(), RetentionError> {
    let url = database.url_as("audit_admin").await;
    Retention::new(&url, &Schema::default(), keep).set_interval(interval.parse().unwrap()).await
}

#[tokio::test]
async fn partitions_follow_the_interval_and_are_made_ahead() {
    for (interval, keep, length) in [
        ("hour", TimeDelta::hours(48), "01:00:00"),
        ("day", TimeDelta::days(30), "1 day"),
        ("week", TimeDelta::days(400), "7 days"),
        ("month", TimeDelta::days(1_800), "1 month"),
    ] {
        let database = bare().await;
        set_interval(&database, interval, keep).await.unwrap();
        let mut connection = connect(&database).await;
        connection.prepare(SystemTime::now().into()).await.unwrap();
        let follows: bool = database
            .value(&format!(
                "SELECT count(*) = 2 AND bool_or(lower_bound <= now() AND now() < upper_bound)
                        AND bool_and(lower_bound AT TIME ZONE 'UTC' + interval '{length}' = upper_bound AT TIME ZONE 'UTC')
                        AND bool_and(lower_bound = date_trunc('{interval}', lower_bound, 'UTC'))
                   FROM control_plane.audit_partitions()"
            ))
            .await;
        assert!(follows, "{interval}: {:?}", bounds(&database).await);
    }
}

/// Hours begin where the weeks that are there end.
#[tokio::test]
async fn a_new_interval_holds_for_partitions_to_come() {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    set_interval(&database, "hour", TimeDelta::hours(48)).await.unwrap();
    connect(&database).await.prepare(SystemTime::now().into()).await.unwrap();
    assert_this_week_and_the_next(&database).await;
    database
        .execute("SELECT control_plane.audit_ensure_partition(max(upper_bound)) FROM control_plane.audit_partitions()")
        .await;
    let lengths: Vec<String> = database
        .value(
            "SELECT array_agg((upper_bound - lower_bound)::text ORDER BY lower_bound) FROM control_plane.audit_partitions()",
        )
        .await;
    assert_eq!(lengths, ["7 days", "7 days", "01:00:00"], "{:?}", bounds(&database).await);
}

#[tokio::test]
async fn an_interval_that_means_more_than_sixty_partitions_is_refused_with_the_arithmetic() {
    let database = bare().await;
    for (interval, keep, arithmetic) in [
        (
            "day",
            TimeDelta::days(400),
            "400 days / 1 day = 400 partitions, more than 60: use week or month, or keep at most 60d",
        ),
        (
            "hour",
            TimeDelta::days(10),
            "10 days / 1 hour = 240 partitions, more than 60: use day or week or month, or keep at most 60h",
        ),
        (
            "week",
            TimeDelta::days(421),
            "421 days / 1 week = 61 partitions, more than 60: use month, or keep at most 420d",
        ),
        ("month", TimeDelta::days(1_801), "1801 days / 1 month = 61 partitions, more than 60: keep at most 1800d"),
    ] {
        let error = set_interval(&database, interval, keep).await.unwrap_err().to_string();
        assert!(error.contains(arithmetic), "{error}");
    }
    set_interval(&database, "day", TimeDelta::days(60)).await.unwrap();
    let url = database.url_as("audit_admin").await;
    let error = Retention::new(&url, &Schema::default(), TimeDelta::days(61)).status().await.unwrap_err().to_string();
    assert!(error.contains("61 days / 1 day = 61 partitions"), "{error}");
}

/// Has the server count so many rows for each day of the partitions so far.
async fn set_rate(database: &Database<'_>, rows_a_day: u32) {
    database
        .execute(&format!(
            "SET allow_system_table_mods = on;
             UPDATE pg_class c SET reltuples = {rows_a_day} * extract(epoch FROM least(p.upper_bound, now()) - p.lower_bound) / 86400
               FROM control_plane.audit_partitions() p
              WHERE c.oid = to_regclass('control_plane.' || p.partition) AND p.lower_bound < now()"
        ))
        .await;
}

/// A log with the partitions of last week and this, so many rows in each day, and partitions to come of this interval.
async fn with_rate(interval: &str, rows_a_day: u32, keep: TimeDelta) -> Database<'static> {
    let database = bare().await;
    let weeks =
        "SELECT control_plane.audit_ensure_partition(now() - n * interval '7 days') FROM generate_series(0, 1) n";
    database.execute(weeks).await;
    set_rate(&database, rows_a_day).await;
    set_interval(&database, interval, keep).await.unwrap();
    database
}

/// Makes the partition after those that are there, and tells how long it is.
async fn next_length(database: &Database<'_>) -> String {
    database
        .execute("SELECT control_plane.audit_ensure_partition(max(upper_bound)) FROM control_plane.audit_partitions()")
        .await;
    database
        .value(
            "SELECT (upper_bound - lower_bound)::text FROM control_plane.audit_partitions() ORDER BY lower_bound DESC LIMIT 1",
        )
        .await
}

#[tokio::test]
async fn auto_makes_partitions_as_short_as_the_rate_and_as_long_as_what_is_kept_asks() {
    for (rows, keep, length) in [
        (0, TimeDelta::hours(48), "7 days"),
        (680_000, TimeDelta::hours(48), "7 days"),
        (750_000, TimeDelta::hours(48), "1 day"),
        (4_800_000, TimeDelta::hours(48), "1 day"),
        (5_300_000, TimeDelta::hours(48), "01:00:00"),
        (5_300_000, TimeDelta::days(3), "1 day"),
        (5_300_000, TimeDelta::days(60), "1 day"),
        (5_300_000, TimeDelta::days(61), "7 days"),
    ] {
        let database = with_rate("auto", rows, keep).await;
        assert_eq!(next_length(&database).await, length, "{rows} rows a day, {keep}: {:?}", bounds(&database).await);
    }
    let database = with_rate("auto", 5_300_000, TimeDelta::days(421)).await;
    next_length(&database).await;
    let month: bool = database
        .value("SELECT max(upper_bound) = date_trunc('month', max(upper_bound), 'UTC') FROM control_plane.audit_partitions()")
        .await;
    assert!(month, "{:?}", bounds(&database).await);
    let fixed = with_rate("week", 5_300_000, TimeDelta::days(30)).await;
    assert_eq!(next_length(&fixed).await, "7 days");
}

/// A partition that is there keeps its length, and all others lie beside each other, whatever the rate was.
#[tokio::test]
async fn partitions_of_a_rate_that_changes_leave_no_gap_and_begin_and_end_where_an_hour_does() {
    let database = with_rate("auto", 5_300_000, TimeDelta::hours(48)).await;
    let mut lengths = vec![next_length(&database).await];
    for rows in [750_000, 5_300_000, 0] {
        set_rate(&database, rows).await;
        lengths.push(next_length(&database).await);
    }
    // The rest of the day that an hour was made of, an hour of the day after it, and the rest of that week.
    assert_eq!(lengths[..3], ["01:00:00", "23:00:00", "01:00:00"], "{:?}", bounds(&database).await);
    let adjacent: bool = database
        .value(
            "SELECT bool_and(following IS NULL OR following = upper_bound) AND max(upper_bound) = date_trunc('week', max(upper_bound), 'UTC')
               FROM (SELECT upper_bound, lead(lower_bound) OVER (ORDER BY lower_bound) AS following FROM control_plane.audit_partitions()) p",
        )
        .await;
    assert!(adjacent, "{:?}", bounds(&database).await);
}

#[tokio::test]
async fn what_auto_was_not_set_for_is_not_kept_by_more_than_sixty_partitions() {
    let database = bare().await;
    set_interval(&database, "auto", TimeDelta::days(30)).await.unwrap();
    let url = database.url_as("audit_admin").await;
    let status = |days| {
        let url = url.clone();
        async move { Retention::new(&url, &Schema::default(), TimeDelta::days(days)).status().await }
    };
    status(60).await.unwrap();
    let error = status(61).await.unwrap_err().to_string();
    assert!(
        error.contains("61 days / 1 day = 61 partitions, more than 60: use auto, which was set for less, again"),
        "{error}"
    );
    set_interval(&database, "auto", TimeDelta::days(61)).await.unwrap();
    status(61).await.unwrap();
    let error = set_interval(&database, "auto", TimeDelta::days(1_801)).await.unwrap_err().to_string();
    assert!(error.contains("1801 days / 1 month = 61 partitions"), "{error}");
}

#[tokio::test]
async fn the_busiest_day_is_told_of_partitions_of_every_length() {
    let database = bare().await;
    // A day partition of yesterday's, hours of the day before it, and a week that is longer ago than it counts.
    database
        .execute(
            "DO $$
             DECLARE today timestamptz := date_trunc('day', now(), 'UTC'); part record;
             BEGIN
                 SET LOCAL timezone = 'UTC';
                 FOR part IN SELECT * FROM (VALUES
                     ('a', today - interval '1 day', today, 240000),
                     ('b', today - interval '36 hours', today - interval '24 hours', 600000),
                     ('c', today - interval '48 hours', today - interval '36 hours', 600000),
                     ('d', today - interval '30 days', today - interval '20 days', 90000000)) p(name, since, until, n) LOOP
                     EXECUTE format('CREATE TABLE control_plane.%I PARTITION OF control_plane.audit_logs FOR VALUES FROM (%L) TO (%L)',
                                    'audit_logs_' || part.name, part.since, part.until);
                     SET LOCAL allow_system_table_mods = on;
                     UPDATE pg_class SET reltuples = part.n WHERE oid = to_regclass('control_plane.audit_logs_' || part.name);
                 END LOOP;
             END $$",
        )
        .await;
    // A day that ends at this time of day yesterday has some of both, the one before it the rest.
    let busiest: i64 = database.value("SELECT control_plane.audit_busiest_day()").await;
    let into_today: f64 =
        database.value("SELECT extract(epoch FROM now() - date_trunc('day', now(), 'UTC'))::float8 / 86400").await;
    let expected = (240_000.0 * into_today + 1_200_000.0 * (1.0 - into_today)).max(1_200_000.0 * into_today);
    #[expect(clippy::cast_precision_loss, reason = "a million needs no more")]
    let busiest = busiest as f64;
    assert!((busiest - expected).abs() < expected / 100.0, "{busiest} is not {expected}");
}

/// The window is ten thousand hours wide.
#[tokio::test]
async fn a_writer_whose_clock_is_wrong_makes_few_partitions() {
    for (interval, keep) in [("hour", TimeDelta::hours(48)), ("day", TimeDelta::days(30))] {
        let database = bare().await;
        set_interval(&database, interval, keep).await.unwrap();
        // Every seven hours of the window, forth and back.
        let wander = "DO $$ BEGIN
            FOR step IN REVERSE 2000 .. 0 LOOP
                BEGIN
                    PERFORM control_plane.audit_ensure_partition(now() + interval '14 days' - (step * 7919 % 2001) * interval '5 hours');
                EXCEPTION WHEN SQLSTATE 'AU001' THEN NULL;
                END;
            END LOOP; END $$";
        database.execute(wander).await;
        let made = bounds(&database).await;
        assert!(made.len() <= 90, "{interval}: {} partitions: {made:#?}", made.len());
        // None is missing where the clock was, and the next hours get what they need.
        connect(&database).await.prepare(SystemTime::now().into()).await.unwrap();
    }
}

#[tokio::test]
async fn a_partition_of_an_hour_is_not_called_like_that_of_its_day() {
    let database = bare().await;
    set_interval(&database, "hour", TimeDelta::hours(48)).await.unwrap();
    database
        .execute("SELECT control_plane.audit_ensure_partition(date_trunc('day', now(), 'UTC') + interval '24 hours')")
        .await;
    let made = bounds(&database).await;
    assert!(made[0][..27].ends_with("_000000:"), "{made:?}");
}

#[tokio::test]
async fn a_detached_partition_that_kept_its_name_does_not_stop_the_log() {
    let database = bare().await;
    let mut connection = connect(&database).await;
    let mut freezer = Freezer::new();
    for _ in 0..3 {
        assert_eq!(
            connection.land(&samples::batch(&mut freezer, 3)).await.unwrap(),
            Landed::Stored { dead_lettered: 0 }
        );
        database
            .execute(
                "DO $$ DECLARE p text; BEGIN
                     FOR p IN SELECT partition FROM control_plane.audit_partitions() LOOP
                         EXECUTE format('ALTER TABLE control_plane.audit_logs DETACH PARTITION control_plane.%I', p);
                     END LOOP; END $$",
            )
            .await;
    }
    let kept: i64 = database
        .value("SELECT count(*) FROM pg_class WHERE relname ~ '^audit_logs_[0-9]{8}(_[23])?$' AND relkind = 'r'")
        .await;
    assert_eq!(kept, 3);
}

#[tokio::test]
async fn a_partition_that_was_dropped_is_made_again() {
    let database = bare().await;
    let mut connection = connect(&database).await;
    let mut freezer = Freezer::new();
    for rows in [1, 300] {
        assert_eq!(
            connection.land(&samples::batch(&mut freezer, rows)).await.unwrap(),
            Landed::Stored { dead_lettered: 0 }
        );
        database
            .execute(
                "DO $$ DECLARE p text; BEGIN
                     FOR p IN SELECT partition FROM control_plane.audit_partitions() LOOP
                         EXECUTE format('DROP TABLE control_plane.%I', p);
                     END LOOP; END $$",
            )
            .await;
        assert_eq!(
            connection.land(&samples::batch(&mut freezer, rows)).await.unwrap(),
            Landed::Stored { dead_lettered: 0 }
        );
    }
    let rows: i64 = database.value("SELECT count(*) FROM control_plane.audit_logs").await;
    assert_eq!(rows, 300);
}

#[tokio::test]
async fn neither_open_exports_nor_open_batches_delay_a_new_partition() {
    let database = bare().await;
    database.execute("SELECT control_plane.audit_ensure_partition(now())").await;
    let mut export = database.connect().await;
    let mut export = export.begin().await.unwrap();
    sqlx::query("SELECT * FROM control_plane.audit_logs").execute(&mut *export).await.unwrap();
    let mut writer = open_copy(&database).await;
    let mut copy = writer.copy_in_raw("COPY control_plane.audit_logs FROM STDIN").await.unwrap();

    let mut maker = database.connect().await;
    let make = sqlx::query("SELECT control_plane.audit_ensure_partition(now() + interval '7 days')");
    tokio::time::timeout(SOON, make.execute(&mut maker)).await.expect("nothing is waited for").unwrap();

    copy.send(b"".as_slice()).await.unwrap();
    copy.finish().await.unwrap();
    assert_eq!(bounds(&database).await.len(), 2);
}

async fn open_copy(database: &Database<'_>) -> PgConnection {
    let mut connection = database.connect().await;
    sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn a_batch_stored_before_its_times_fell_out_of_the_window_is_found_and_not_frozen_again() {
    let database = bare().await;
    let mut freezer = Freezer::new();
    let stored = samples::batch(&mut freezer, 3);
    assert_eq!(connect(&database).await.land(&stored).await.unwrap(), Landed::Stored { dead_lettered: 0 });
    // From now on, it is as if four hundred days had passed.
    database
        .execute(
            "CREATE OR REPLACE FUNCTION control_plane.audit_ensure_partition(
                 at timestamptz, OUT lower_bound timestamptz, OUT upper_bound timestamptz)
             LANGUAGE plpgsql AS $$ BEGIN RAISE 'too long ago' USING ERRCODE = 'AU001'; END $$",
        )
        .await;
    let mut connection = connect(&database).await;
    assert_eq!(connection.land(&stored).await.unwrap(), Landed::AlreadyStored { dead_lettered: 0 });
    let error = connection.land(&samples::batch(&mut freezer, 1)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::OutOfWindow, "{error}");
}
