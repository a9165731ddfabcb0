//! What the queries of both kinds of store have in common.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::{ColumnIndex, Database, Decode, Encode, QueryBuilder, Type};
use uuid::Uuid;

use super::Query;
use super::reader::TIME_LIMIT;
use crate::Row;
use crate::sanitise::{MAX_ID_BYTES, MAX_TYPE_BYTES, Sanitiser};
use crate::store::{ErrorClass, StoreError};

/// The columns of a row in PostgreSQL, as [`row`] reads them. An address with a mask is none that a writer writes, and must not be
/// taken for the one without.
#[cfg(feature = "postgres")]
pub(crate) const POSTGRES_ROW: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata::text AS metadata, \
     CASE WHEN ip_address = host(ip_address)::inet THEN host(ip_address) ELSE text(ip_address) END AS ip_address, \
     user_agent, created_at, outcome, error, duration_us, attempt_id, request_id, trace_id, span_id, tenant_id, \
     on_behalf_of, origin, recorded_at, stream_id, seq, salt, redacted::text AS redacted";

/// Pushes the conditions on text columns, each after ` AND `, the one that fewest rows meet first. The columns of the
/// others come after `beside`.
pub(super) fn push_conditions<DB>(sql: &mut QueryBuilder<DB>, query: &Query, beside: &'static str)
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
{
    // As freezing leaves them, or what was cut or replaced there would never be found.
    let stored = |text: &Option<String>, most| Sanitiser::default().optional("", text.clone(), most);
    let conditions = [
        ("request_id", stored(&query.request_id, MAX_ID_BYTES)),
        ("target_id", stored(&query.target_id, MAX_ID_BYTES)),
        ("actor_id", stored(&query.actor, MAX_ID_BYTES)),
        ("action", stored(&query.action, usize::MAX)),
        ("actor_type", query.actor_type.map(|kind| kind.to_string())),
        ("target_type", stored(&query.target_type, MAX_TYPE_BYTES)),
        ("outcome", query.outcome.map(|outcome| outcome.to_string())),
        ("tenant_id", stored(&query.tenant, MAX_ID_BYTES)),
    ];
    let mut before = " AND ".to_owned();
    for (column, value) in conditions {
        if let Some(value) = value {
            sql.push(&before).push(column).push(" = ").push_bind(value);
            before = format!(" AND {beside}");
        }
    }
}

/// The times that a query, its cursor included, covers: from the first, before the second. Both lie in the years 1 to 9999, which every
/// store knows.
pub(super) fn time_range(query: &Query) -> (i64, i64) {
    const FIRST: i64 = -62_135_596_800_000_000;
    const LAST: i64 = 253_402_300_799_999_999;
    let micros = |time: DateTime<Utc>| time.timestamp_micros().clamp(FIRST, LAST);
    let since = query.since.map_or(FIRST, round_up).clamp(FIRST, LAST);
    let until = query.until.map_or(LAST, round_up).clamp(FIRST, LAST);
    // Rows of the cursor's own microsecond may still come.
    let reached = query.after.map_or(LAST, |cursor| micros(cursor.created_at) + 1);
    (since, until.min(reached))
}

/// The first whole microsecond that is not before a time.
fn round_up(time: DateTime<Utc>) -> i64 {
    let micros = time.timestamp_micros();
    if time.timestamp_subsec_nanos().is_multiple_of(1_000) { micros } else { micros.saturating_add(1) }
}

/// Reads a row whose columns have their names, whose addresses and JSON are text, and whose times `time` reads.
pub(crate) fn row<'r, R>(
    row: &'r R,
    time: impl Fn(&'r R, &'static str) -> Result<DateTime<Utc>, sqlx::Error>,
    failed: impl Fn(sqlx::Error) -> StoreError,
) -> Result<Row, StoreError>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let text = |column| row.try_get::<Option<String>, _>(column).map_err(&failed);
    let word = |column| row.try_get::<String, _>(column).map_err(&failed);
    let uuid = |column| row.try_get::<Uuid, _>(column).map_err(&failed);
    let salt = row.try_get::<Option<Vec<u8>>, _>("salt").map_err(&failed)?;
    let ip_address = text("ip_address")?.map(|address| address.parse());
    Ok(Row {
        id: uuid("id")?,
        actor_id: text("actor_id")?,
        actor_type: word("actor_type")?.parse().map_err(|_| unreadable("actor_type"))?,
        action: word("action")?,
        target_type: word("target_type")?,
        target_id: text("target_id")?,
        metadata: serde_json::from_str::<Map<String, Value>>(&word("metadata")?)
            .map_err(|_| unreadable("metadata"))?
            .into(),
        ip_address: ip_address.transpose().map_err(|_| unreadable("ip_address"))?,
        user_agent: text("user_agent")?,
        created_at: time(row, "created_at").map_err(&failed)?,
        outcome: word("outcome")?.parse().map_err(|_| unreadable("outcome"))?,
        error: text("error")?,
        duration_us: row.try_get("duration_us").map_err(&failed)?,
        attempt_id: row.try_get("attempt_id").map_err(&failed)?,
        request_id: text("request_id")?,
        trace_id: text("trace_id")?,
        span_id: text("span_id")?,
        tenant_id: text("tenant_id")?,
        on_behalf_of: text("on_behalf_of")?,
        origin: text("origin")?,
        recorded_at: Some(time(row, "recorded_at").map_err(&failed)?),
        stream_id: uuid("stream_id")?,
        seq: row.try_get("seq").map_err(&failed)?,
        salt: salt.map(|salt| salt.try_into().map_err(|_| unreadable("salt"))).transpose()?,
        redacted: text("redacted")?
            .map(|text| serde_json::from_str(&text).map_err(|_| unreadable("redacted")))
            .transpose()?,
    })
}

/// A row whose column holds what no version of this program writes.
fn unreadable(column: &'static str) -> StoreError {
    let reason = format!("its {column} is none that this program knows: use a newer program");
    StoreError::new(ErrorClass::Operator, "cannot read a row of the log", reason)
}

/// Why an answer was given up.
pub(super) fn too_slow() -> String {
    format!("no answer within {} s: narrow the question, by time above all", TIME_LIMIT.as_secs())
}
