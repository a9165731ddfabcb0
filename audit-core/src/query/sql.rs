//! What the queries of both kinds of store have in common.

use serde_json::{Map, Value};
use sqlx::{ColumnIndex, Database, Decode, Encode, QueryBuilder, Type};
use uuid::Uuid;

use super::filter::{Condition, Path, Pattern, Period, TextColumn};
use super::plan::Plan;
use super::reader::TIME_LIMIT;
use super::sealed::{self, SealedBatch};
use super::spans::Span;
use super::survey::Kind;
use super::tally::By;
use super::{Cursor, Travel};
use crate::store::{Columns, ErrorClass, StoreError};
use crate::{Outcome, Row};

/// The columns of a row in PostgreSQL, as [`row`] reads them. An address with a mask is none that a writer writes, and must not be
/// taken for the one without.
#[cfg(feature = "postgres")]
pub(crate) const POSTGRES_ROW: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata::text AS metadata, \
     CASE WHEN ip_address = host(ip_address)::inet THEN host(ip_address) ELSE text(ip_address) END AS ip_address, \
     user_agent, created_at, outcome, error, duration_us, attempt_id, request_id, trace_id, span_id, tenant_id, \
     on_behalf_of, origin, recorded_at, stream_id, seq, salt, redacted::text AS redacted";

/// What the stores say in different words.
///
/// Values are bound, never written into the statement.
pub(super) trait Dialect: Database {
    /// The day of `created_at`, in UTC, as ISO 8601 writes it.
    const DAY: &'static str;

    /// Whether the SQL of a condition is true of exactly the rows of which the condition holds. Otherwise it is true of
    /// more.
    fn is_exact(condition: &Condition) -> bool;
    /// A text column that is kept from its index, where another one leads to fewer rows.
    fn beside(column: &str) -> String;
    fn push_time(sql: &mut QueryBuilder<Self>, micros: i64);
    fn push_ip(sql: &mut QueryBuilder<Self>, network: &ipnet::IpNet);
    /// Whether a text column begins with something.
    fn push_prefix(sql: &mut QueryBuilder<Self>, column: &str, beginning: &str);
    fn push_metadata(sql: &mut QueryBuilder<Self>, path: &Path, pattern: &Pattern);
    fn push_anywhere(sql: &mut QueryBuilder<Self>, text: &str);
}

/// Which columns of a condition may lead to the rows by their indexes.
#[derive(Clone, Copy)]
enum Leading {
    Any,
    /// The one that says most.
    First,
    None,
}

impl Leading {
    fn first<D: Dialect>(self, column: &str) -> String {
        if matches!(self, Self::None) { D::beside(column) } else { column.to_owned() }
    }

    fn second<D: Dialect>(self, column: &str) -> String {
        if matches!(self, Self::Any) { column.to_owned() } else { D::beside(column) }
    }
}

/// `SELECT … WHERE …`: what a plan asks for, within a span and beyond a place.
pub(super) fn select<D: Dialect>(
    what: &str,
    table: &str,
    plan: &Plan<'_>,
    (since, until): Span,
    place: Option<Cursor>,
) -> QueryBuilder<D>
where
    for<'q> String: Encode<'q, D> + Type<D>,
    for<'q> Uuid: Encode<'q, D> + Type<D>,
    for<'q> i64: Encode<'q, D> + Type<D>,
{
    // Bounds come as parameters, so that the planner sees which partitions are beyond them.
    let mut sql = QueryBuilder::new(format!("SELECT {what} FROM {table} WHERE created_at >= "));
    D::push_time(&mut sql, since);
    sql.push(" AND created_at < ");
    D::push_time(&mut sql, until);
    push_terms(&mut sql, plan);
    if let Some(batches) = plan.batches {
        push_batches(&mut sql, batches);
    }
    if let Some(place) = place {
        sql.push(format_args!(" AND (created_at, id) {} (", plan.travel.beyond()));
        D::push_time(&mut sql, place.created_at.timestamp_micros());
        sql.push(", ").push_bind(place.id).push(")");
    }
    sql
}

/// ` AND …`: the terms of a plan, in their order.
pub(super) fn push_terms<D: Dialect>(sql: &mut QueryBuilder<D>, plan: &Plan<'_>)
where
    for<'q> String: Encode<'q, D> + Type<D>,
    for<'q> Uuid: Encode<'q, D> + Type<D>,
{
    let (mut leading, others) =
        if plan.is_led { (Leading::First, Leading::None) } else { (Leading::Any, Leading::Any) };
    for term in &plan.terms {
        match (term.negated, D::is_exact(&term.condition)) {
            (false, _) => {
                sql.push(" AND ");
                push_condition(sql, &term.condition, leading);
            }
            (true, true) => {
                sql.push(" AND (");
                push_condition(sql, &term.condition, others);
                sql.push(") IS NOT TRUE");
            }
            // The opposite of too many rows would be too few.
            (true, false) => {}
        }
        leading = others;
    }
}

/// The number in the one row of `SELECT count(*) …`.
pub(super) fn count<'r, R>(rows: &'r [R]) -> Result<u64, sqlx::Error>
where
    R: sqlx::Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    row.try_get::<i64, _>(0).map(i64::unsigned_abs)
}

/// `SELECT value, count(*) …`: how many rows there are of each kind.
pub(super) fn select_tally<D: Dialect>(table: &str, plan: &Plan<'_>, span: Span, by: By) -> QueryBuilder<D>
where
    for<'q> String: Encode<'q, D> + Type<D>,
    for<'q> Uuid: Encode<'q, D> + Type<D>,
    for<'q> i64: Encode<'q, D> + Type<D>,
{
    let value = match by {
        By::Day => D::DAY,
        By::Action => "action",
        By::Actor => "actor_type || ':' || actor_id",
        By::Outcome => "outcome",
        By::TargetType => "target_type",
    };
    let mut sql = select(&format!("{value}, count(*)"), table, plan, span, None);
    sql.push(" GROUP BY 1");
    sql
}

/// A value and its number of rows.
pub(super) fn tallied<'r, R>(row: &'r R) -> Result<(Option<String>, u64), sqlx::Error>
where
    R: sqlx::Row,
    usize: ColumnIndex<R>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()))
}

/// `SELECT action, …, count(*) …`: how many rows there are of each kind.
pub(super) fn select_kinds<D: Dialect>(table: &str, plan: &Plan<'_>, span: Span) -> QueryBuilder<D>
where
    for<'q> String: Encode<'q, D> + Type<D>,
    for<'q> Uuid: Encode<'q, D> + Type<D>,
    for<'q> i64: Encode<'q, D> + Type<D>,
{
    let kind = "action, actor_type || ':' || actor_id, target_type, outcome, count(*)";
    let mut sql = select(kind, table, plan, span, None);
    sql.push(" GROUP BY 1, 2, 3, 4");
    sql
}

/// A kind and its number of rows.
pub(super) fn kind<'r, R>(row: &'r R) -> Result<Kind, sqlx::Error>
where
    R: sqlx::Row,
    usize: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(Kind {
        action: row.try_get(0)?,
        actor: row.try_get(1)?,
        target_type: row.try_get(2)?,
        outcome: row.try_get(3)?,
        rows: row.try_get::<i64, _>(4)?.unsigned_abs(),
    })
}

/// The order in which a page is read.
pub(super) fn push_order<D: Database>(sql: &mut QueryBuilder<D>, travel: Travel, limit: i64)
where
    for<'q> i64: Encode<'q, D> + Type<D>,
{
    let direction = travel.direction();
    sql.push(format_args!(" ORDER BY created_at {direction}, id {direction} LIMIT ")).push_bind(limit);
}

fn push_batches<D: Dialect>(sql: &mut QueryBuilder<D>, batches: &[SealedBatch])
where
    for<'q> Uuid: Encode<'q, D> + Type<D>,
    for<'q> i64: Encode<'q, D> + Type<D>,
{
    sql.push(" AND (FALSE");
    for SealedBatch { stream_id, seqs, .. } in batches {
        sql.push(" OR (stream_id = ").push_bind(*stream_id);
        sql.push(" AND seq >= ").push_bind(seqs.start);
        sql.push(" AND seq < ").push_bind(seqs.end).push(")");
    }
    sql.push(")");
}

fn push_condition<D: Dialect>(sql: &mut QueryBuilder<D>, condition: &Condition, leading: Leading)
where
    for<'q> String: Encode<'q, D> + Type<D>,
    for<'q> Uuid: Encode<'q, D> + Type<D>,
{
    match condition {
        Condition::Id(id) => {
            sql.push("id = ").push_bind(*id);
        }
        Condition::Attempt(id) => {
            sql.push("attempt_id = ").push_bind(*id);
        }
        Condition::Text(column, pattern) => push_text(sql, leading.first::<D>(column.name()), pattern),
        Condition::Actor(kind, id) => {
            let column = leading.second::<D>("actor_type");
            sql.push(format_args!("({column} = ")).push_bind(kind.to_string()).push(" AND ");
            push_text(sql, leading.first::<D>(TextColumn::ActorId.name()), id);
            sql.push(")");
        }
        Condition::ActorType(kind) => {
            sql.push("actor_type = ").push_bind(kind.to_string());
        }
        Condition::Target(kind, id) => {
            let column = leading.second::<D>("target_type");
            sql.push(format_args!("({column} = ")).push_bind(kind.clone()).push(" AND ");
            push_text(sql, leading.first::<D>(TextColumn::TargetId.name()), id);
            sql.push(")");
        }
        Condition::Outcome(outcome) => {
            if *outcome != Outcome::Success {
                // So it is said in the index that has these rows alone.
                sql.push("outcome <> 'success' AND ");
            }
            sql.push("outcome = ").push_bind(outcome.to_string());
        }
        Condition::Ip(network) => D::push_ip(sql, network),
        Condition::Created(period) => push_period(sql, *period),
        Condition::Metadata(path, pattern) => D::push_metadata(sql, path, pattern),
        Condition::Anywhere(text) => D::push_anywhere(sql, text),
    }
}

fn push_text<D: Dialect>(sql: &mut QueryBuilder<D>, column: String, pattern: &Pattern)
where
    for<'q> String: Encode<'q, D> + Type<D>,
{
    match pattern {
        Pattern::Exact(text) => {
            sql.push(column).push(" = ").push_bind(text.clone());
        }
        Pattern::Prefix(beginning) => D::push_prefix(sql, &column, beginning),
    }
}

fn push_period<D: Dialect>(sql: &mut QueryBuilder<D>, period: Period) {
    let (since, until) = period.bounds();
    sql.push("(TRUE");
    for (comparison, bound) in [(">=", since), ("<", until)] {
        if let Some(bound) = bound {
            sql.push(format_args!(" AND created_at {comparison} "));
            D::push_time(sql, bound);
        }
    }
    sql.push(")");
}

/// The columns that free text is looked for in, in one text.
pub(super) fn all_text(line_feed: &str) -> String {
    let columns: Vec<_> = TextColumn::ALL.iter().map(|column| format!("coalesce({}, '')", column.name())).collect();
    columns.join(&format!(" || {line_feed} || "))
}

/// A text as it stands between the quotes of JSON.
pub(super) fn json_inner(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The beginning of a text as it stands in JSON.
pub(super) fn json_prefix(beginning: &str) -> String {
    format!("\"{}", json_inner(beginning))
}

/// The batches of the tree from a leaf on. What the tables' names begin with is quoted already.
pub(super) fn select_sealed<D: Database>(before: &str, from: u64) -> QueryBuilder<D>
where
    for<'q> i64: Encode<'q, D> + Type<D>,
{
    let mut sql =
        QueryBuilder::new(format!("SELECT {} FROM {before}audit_tree t JOIN {before}audit_batches b", sealed::COLUMNS));
    sql.push(" ON b.stream_id = t.stream_id AND b.batch_no = t.batch_no WHERE t.leaf >= ");
    sql.push_bind(i64::try_from(from).unwrap_or(i64::MAX))
        .push(" ORDER BY t.leaf LIMIT ")
        .push_bind(i64::from(sealed::MOST));
    sql
}

/// How far streams are sealed: the end of the last batch of each that is in the tree, into which they go in their order.
pub(super) fn select_frontiers<D: Database>(before: &str, streams: &[Uuid]) -> QueryBuilder<D>
where
    for<'q> Uuid: Encode<'q, D> + Type<D>,
{
    let mut sql = QueryBuilder::new("");
    let mut union = "";
    for stream in streams {
        sql.push(format_args!(
            "{union}SELECT b.stream_id, CAST(b.first_seq + b.n AS bigint) AS seq FROM {before}audit_batches b WHERE b.stream_id = "
        ));
        sql.push_bind(*stream);
        sql.push(format_args!(" AND b.batch_no = (SELECT max(batch_no) FROM {before}audit_tree WHERE stream_id = "));
        sql.push_bind(*stream).push(")");
        union = " UNION ALL ";
    }
    sql
}

/// How many leaves the tree has, which [`count`] reads.
pub(super) fn select_end<D: Database>(before: &str) -> QueryBuilder<D> {
    QueryBuilder::new(format!("SELECT coalesce(max(leaf) + 1, 0) FROM {before}audit_tree"))
}

/// Reads a row.
pub(crate) fn row(row: &impl Columns, failed: impl Fn(sqlx::Error) -> StoreError) -> Result<Row, StoreError> {
    let text = |column| row.text_if_any(column).map_err(&failed);
    let word = |column| row.text(column).map_err(&failed);
    let uuid = |column| row.uuid(column).map_err(&failed);
    let salt = row.bytes_if_any("salt").map_err(&failed)?;
    let ip_address = text("ip_address")?.map(|address| address.parse());
    Ok(Row {
        id: uuid("id")?,
        actor_id: text("actor_id")?,
        actor_type: word("actor_type")?.parse().map_err(|_| unreadable("actor_type"))?,
        action: word("action")?,
        target_type: word("target_type")?,
        target_id: text("target_id")?,
        metadata: metadata(&word("metadata")?).ok_or_else(|| unreadable("metadata"))?.into(),
        ip_address: ip_address.transpose().map_err(|_| unreadable("ip_address"))?,
        user_agent: text("user_agent")?,
        created_at: row.time("created_at").map_err(&failed)?,
        outcome: word("outcome")?.parse().map_err(|_| unreadable("outcome"))?,
        error: text("error")?,
        duration_us: row.number_if_any("duration_us").map_err(&failed)?,
        attempt_id: row.uuid_if_any("attempt_id").map_err(&failed)?,
        request_id: text("request_id")?,
        trace_id: text("trace_id")?,
        span_id: text("span_id")?,
        tenant_id: text("tenant_id")?,
        on_behalf_of: text("on_behalf_of")?,
        origin: text("origin")?,
        recorded_at: Some(row.time("recorded_at").map_err(&failed)?),
        stream_id: uuid("stream_id")?,
        seq: row.number("seq").map_err(&failed)?,
        salt: salt.map(|salt| salt.try_into().map_err(|_| unreadable("salt"))).transpose()?,
        redacted: text("redacted")?
            .map(|text| serde_json::from_str(&text).map_err(|_| unreadable("redacted")))
            .transpose()?,
    })
}

/// Metadata, in the same order from each store, also where somebody has `serde_json` keep the order of members.
fn metadata(text: &str) -> Option<Map<String, Value>> {
    let mut metadata = serde_json::from_str(text).ok()?;
    Value::sort_all_objects(&mut metadata);
    match metadata {
        Value::Object(members) => Some(members),
        _ => None,
    }
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
