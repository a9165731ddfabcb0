//! A log of a year, by COPY.

use std::fmt::Write as _;
use std::ops::Range;

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::{Connection as _, PgConnection};
use uuid::Builder;

use crate::postgres::Database;
use crate::traffic::USER_AGENT;

/// Partitions before the current one.
const WEEKS: u64 = 52;
pub(super) const PARTITIONS: u64 = WEEKS + 1;
pub(super) const ACTORS: u64 = 10_000;
pub(super) const TARGETS: u64 = 100_000;
/// Of three entries each; in a log of ten million, those of the whole year.
pub(super) const REQUESTS: u64 = 3_300_000;
/// That projects had; in a log of ten million, those of the whole year.
pub(super) const NAMES: u64 = 3 * REQUESTS;
/// The busiest first.
pub(super) const ACTIONS: [&str; 14] = [
    "project.updated",
    "secret.accessed",
    "user.role_changed",
    "project.created",
    "key.created",
    "key.rotated",
    "user.invited",
    "secret.rotated",
    "project.deleted",
    "key.revoked",
    "secret.created",
    "user.removed",
    "project.suspended",
    "project.auto_suspended",
];
pub(super) const RARE_ACTION: &str = "secret.purged";
const RARE: u64 = 20;
/// Loaders at once: each fills partitions of its own.
const LOADERS: u64 = 2;
const COPY: &str =
    "COPY control_plane.audit_logs (id, created_at, stream_id, seq, actor_type, outcome, actor_id, action, target_type,
     target_id, metadata, ip_address, user_agent, request_id, tenant_id, salt) FROM STDIN";
const MICROS_PER_WEEK: u64 = 7 * 24 * 3_600 * 1_000_000;
/// Bytes that are sent at once.
const CHUNK: usize = 1 << 20;

/// Fills the log with the rows of these numbers, evenly over a year, up to now.
pub(crate) async fn fill(database: &Database<'_>, numbers: Range<u64>) {
    let rows = numbers.end - numbers.start;
    let weeks = format!(
        "SELECT control_plane.audit_ensure_partition(now() - i * interval '1 week') FROM generate_series(0, {WEEKS}) i"
    );
    database.execute(&weeks).await;
    let end = Utc::now().timestamp_micros().unsigned_abs();
    let start = end - WEEKS * MICROS_PER_WEEK;
    let loaders: Vec<_> = (0..LOADERS)
        .map(|loader| {
            let (url, first) = (database.url(), numbers.start);
            tokio::spawn(async move {
                let mut connection = PgConnection::connect(&url).await.expect("the server takes connections");
                let mut copy = connection.copy_in_raw(COPY).await.expect("a COPY");
                let mut chunk = String::with_capacity(CHUNK + 1_024);
                for number in rows * loader / LOADERS..rows * (loader + 1) / LOADERS {
                    push_row(&mut chunk, first + number, rows, start + (end - start) / rows * number);
                    if chunk.len() >= CHUNK {
                        copy.send(chunk.as_bytes()).await.expect("rows");
                        chunk.clear();
                    }
                }
                copy.send(chunk.as_bytes()).await.expect("rows");
                copy.finish().await.expect("rows");
                connection.close().await.expect("a good-bye");
            })
        })
        .collect();
    for loader in loaders {
        loader.await.expect("a loader");
    }
    // What autovacuum does to partitions that are no longer written to.
    database.execute("VACUUM (FREEZE, ANALYZE) control_plane.audit_logs").await;
    database.execute("CHECKPOINT").await;
}

/// Has the system's cache hold the log, whatever else it held: so it is on a machine with memory for it.
pub(super) async fn warm(database: &Database<'_>) {
    database.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm").await;
    let files = "SELECT sum(pg_prewarm(c.oid, 'read')) FROM pg_class c
                  WHERE c.relnamespace = 'control_plane'::regnamespace AND c.relname LIKE 'audit%logs%' AND c.relkind IN ('r', 'i')";
    database.execute(files).await;
}

/// A row as COPY reads it. A few actors and actions are busy, most are not.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers that look like chance"
)]
fn push_row(chunk: &mut String, number: u64, rows: u64, micros: u64) {
    let mut seed = number;
    let mut chance = || {
        // SplitMix64.
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let unit = |chance: u64| (chance >> 11) as f64 / (1_u64 << 53) as f64;
    let (first, second) = (chance(), chance());
    let mut random = [0; 10];
    random.copy_from_slice(&[first.to_le_bytes(), second.to_le_bytes()].concat()[..10]);
    let id = Builder::from_unix_timestamp_millis(micros / 1_000, &random).into_uuid();
    let created = DateTime::from_timestamp_micros(micros.cast_signed())
        .expect("a time")
        .to_rfc3339_opts(SecondsFormat::Micros, true);
    let actor = (unit(chance()).powi(4) * ACTORS as f64) as u64;
    let action = ACTIONS[(unit(chance()).powi(2) * ACTIONS.len() as f64) as usize];
    let action = if number % (rows / RARE).max(1) == 7 { RARE_ACTION } else { action };
    let target = chance() % TARGETS;
    let outcome = match chance() % 100 {
        0..2 => "denied",
        2..5 => "failure",
        _ => "success",
    };
    let (one, two, plan) = (chance() % 256, chance() % 256, chance() % 1_000);
    let written = writeln!(
        chunk,
        "{id}\t{created}\t00000000-0000-7000-8000-00000000{:04x}\t{number}\tuser\t{outcome}\tuser_{actor}\t{action}\tproject\tproj_{target}\t\
         {{\"changes\": {{\"name\": {{\"from\": \"Project {number}\", \"to\": \"Project {plan}\"}}, \"plan\": {{\"from\": \"free\", \"to\": \"pro\"}}}}, \
         \"reason\": \"the customer asked for it\"}}\t10.{one}.{two}.7\t{USER_AGENT}\treq_{}\ttenant_{}\t\\\\x{:032x}",
        number / 100_000 % 65_536,
        number / 3,
        actor % 20,
        u128::from(first) << 64 | u128::from(second),
    );
    written.expect("a string takes everything");
}
