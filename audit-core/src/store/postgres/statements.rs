//! The statements by which a batch lands.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};
use uuid::Uuid;

use crate::batch::{Batch, FrozenRow, Header};
use crate::store::{Schema, dead_letter};

/// The columns a writer sets, in the order in which rows are sent; `copy` follows it.
const COLUMNS: &str = "id, created_at, stream_id, seq, duration_us, attempt_id, actor_type, outcome, actor_id, action, \
     target_type, target_id, metadata, ip_address, user_agent, error, request_id, trace_id, span_id, tenant_id, \
     on_behalf_of, origin, salt";

/// What is read of a row of the outbox. Rows can be written by hand: times that have no end, or that only PostgreSQL
/// knows, become the nearest that a writer can read, and then go into the window like all others.
pub(super) const OUTBOX_RECORD: &str = "id, \
     least(greatest(created_at, '0001-01-01 00:00:00Z'), '9999-12-31 00:00:00Z') AS created_at, \
     salt, entry::text AS entry";

/// The types of the columns but `stream_id`, which all rows of a batch share.
const ROW_TYPES: [&str; 22] = [
    "uuid",
    "timestamptz",
    "bigint",
    "bigint",
    "uuid",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "bytea",
];

/// How many of [`COLUMNS`] stand before `stream_id`.
const STREAM_ID: usize = 2;

const HEADER_PARAMETERS: usize = 12;
const HEADER_COLUMNS: &str = "stream_id, batch_no, first_seq, first_created, last_created, writer_time, n, kind, \
     rows_root, prev_hash, key_id, sig";

/// Statements for one schema. Their texts are shared, so that sending one copies nothing.
pub(super) struct Statements {
    schema: String,
    header: Arc<str>,
    land: Arc<str>,
    land_one: Arc<str>,
    rows: Arc<str>,
    dead_letter: Arc<str>,
    copy: String,
}

impl Statements {
    pub(super) fn new(schema: &Schema) -> Self {
        let schema = schema.quoted();
        let header = format!(
            "INSERT INTO {schema}.audit_batches ({HEADER_COLUMNS}) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        );
        // The header is the main statement, because that runs first: a replay meets its key before any row is made.
        let land = format!("WITH rows AS ({}) {header}", insert_rows(&schema, HEADER_PARAMETERS));
        let land_one = format!("WITH rows AS ({}) {header}", insert_row(&schema, HEADER_PARAMETERS));
        let rows = insert_rows(&schema, 1);
        let dead_letter = format!(
            "INSERT INTO {schema}.audit_dead_letters (stream_id, batch_no, idx, leaf_hash, encoded) \
             VALUES ($1, $2, $3, $4, $5)"
        );
        let copy = format!("COPY {schema}.audit_logs ({COLUMNS}) FROM STDIN (FORMAT binary)");
        Self {
            schema,
            header: header.into(),
            land: land.into(),
            land_one: land_one.into(),
            rows: rows.into(),
            dead_letter: dead_letter.into(),
            copy,
        }
    }

    /// Inserts the header alone.
    pub(super) fn header<'q>(&self, header: &'q Header, persistent: bool) -> Query<'q, Postgres, PgArguments> {
        bind_header(sqlx::query(AssertSqlSafe(Arc::clone(&self.header))).persistent(persistent), header)
    }

    /// Inserts header and rows.
    pub(super) fn land<'q>(&self, batch: &'q Batch, persistent: bool) -> Query<'q, Postgres, PgArguments> {
        if let [row] = batch.rows() {
            let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.land_one))).persistent(persistent);
            return bind_row(bind_header(query, batch.header()), row);
        }
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.land))).persistent(persistent);
        bind_rows(bind_header(query, batch.header()), batch.rows())
    }

    /// Inserts some rows of a stream alone.
    pub(super) fn rows<'q>(&self, stream_id: Uuid, rows: &'q [FrozenRow]) -> Query<'q, Postgres, PgArguments> {
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.rows))).persistent(false);
        bind_rows(query.bind(stream_id), rows)
    }

    /// Keeps a refused row apart.
    pub(super) fn dead_letter<'q>(
        &self,
        header: &'q Header,
        index: usize,
        row: &'q FrozenRow,
    ) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(AssertSqlSafe(Arc::clone(&self.dead_letter)))
            .persistent(false)
            .bind(header.stream_id)
            .bind(header.batch_no)
            .bind(dead_letter::index(index))
            .bind(row.leaf.as_slice())
            .bind(dead_letter::encode(row))
    }

    /// Takes entries that nobody else is taking out of the outbox, oldest first.
    pub(super) fn take_from_outbox(&self, rows: usize) -> String {
        let Self { schema, .. } = self;
        format!(
            "DELETE FROM {schema}.audit_outbox WHERE id = ANY (ARRAY(
                 SELECT id FROM {schema}.audit_outbox WHERE stream_id IS NULL
                  ORDER BY id LIMIT {rows} FOR UPDATE SKIP LOCKED))
             RETURNING {OUTBOX_RECORD}"
        )
    }

    /// The outbox's table.
    pub(super) fn outbox(&self) -> String {
        format!("{}.audit_outbox", self.schema)
    }

    /// Asks whether this user may drain the outbox.
    pub(super) fn may_drain(&self) -> String {
        let table = format!("to_regclass('{}.audit_outbox')", self.schema);
        format!(
            "SELECT coalesce(has_table_privilege({table}, 'SELECT') AND has_table_privilege({table}, 'DELETE')
                             AND has_any_column_privilege({table}, 'UPDATE'), false)"
        )
    }

    /// Asks whether something waits in the outbox.
    pub(super) fn outbox_waits(&self) -> String {
        format!("SELECT EXISTS (SELECT FROM {}.audit_outbox WHERE stream_id IS NULL)", self.schema)
    }

    /// Opens a COPY of rows.
    pub(super) fn copy(&self) -> &str {
        &self.copy
    }

    /// Makes the partition of a moment and gives back its bounds. Values stand in the text: one round trip, and
    /// nothing that a pooler could part from its session.
    pub(super) fn ensure_partition(&self, at: DateTime<Utc>) -> String {
        let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        format!("SELECT lower_bound, upper_bound FROM {}.audit_ensure_partition('{at}')", self.schema)
    }

    /// Asks for the hash of a stored header, and for the number of its dead letters.
    pub(super) fn examine(&self, stream_id: Uuid, batch_no: i64) -> String {
        let Self { schema, .. } = self;
        format!(
            "SELECT {schema}.audit_header_hash('{stream_id}', {batch_no}), \
                    {schema}.audit_dead_letter_count('{stream_id}', {batch_no})"
        )
    }
}

/// Each of [`COLUMNS`] but `stream_id`, with its type and the number of its parameter.
fn parameters(before: usize) -> impl Iterator<Item = (&'static str, &'static str, usize)> {
    let names = COLUMNS.split(", ").filter(|name| *name != "stream_id");
    names.zip(ROW_TYPES).zip(before + 1..).map(|((name, kind), number)| (name, kind, number))
}

/// What makes the column out of what travels: metadata and addresses are texts, in which form they are at hand.
fn conversion(name: &str) -> &'static str {
    match name {
        "metadata" => "::jsonb",
        "ip_address" => "::inet",
        _ => "",
    }
}

/// Inserts rows of the stream that is parameter 1; their columns, an array each, follow the parameters `before` them. The arrays
/// are taken apart in step, in the list of what is selected: after FROM, the server would first write the elements of each to a
/// store of its own.
fn insert_rows(schema: &str, before: usize) -> String {
    let element = |(name, kind, number)| format!("unnest(${number}::{kind}[]) AS {name}");
    let elements: Vec<_> = parameters(before).map(element).collect();
    let mut values: Vec<_> = parameters(before).map(|(name, ..)| format!("{name}{}", conversion(name))).collect();
    values.insert(STREAM_ID, "$1".to_owned());
    format!(
        "INSERT INTO {schema}.audit_logs ({COLUMNS}) SELECT {values} FROM (SELECT {elements}) AS r",
        values = values.join(", "),
        elements = elements.join(", ")
    )
}

/// Inserts one row of the stream that is parameter 1; its columns follow the parameters `before` them. Arrays of one would
/// cost the server more.
fn insert_row(schema: &str, before: usize) -> String {
    let value = |(name, kind, number)| format!("${number}::{kind}{}", conversion(name));
    let mut values: Vec<_> = parameters(before).map(value).collect();
    values.insert(STREAM_ID, "$1".to_owned());
    format!("INSERT INTO {schema}.audit_logs ({COLUMNS}) VALUES ({})", values.join(", "))
}

fn bind_header<'q>(query: Query<'q, Postgres, PgArguments>, header: &'q Header) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(header.stream_id)
        .bind(header.batch_no)
        .bind(header.first_seq)
        .bind(header.first_created)
        .bind(header.last_created)
        .bind(header.writer_time)
        .bind(header.n)
        .bind(header.kind.as_str())
        .bind(header.rows_root.as_slice())
        .bind(header.prev_hash.as_slice())
        .bind(header.key_id.as_deref())
        .bind(header.sig.as_deref())
}

fn bind_rows<'q>(query: Query<'q, Postgres, PgArguments>, rows: &'q [FrozenRow]) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(each(rows, |r| r.row.id))
        .bind(each(rows, |r| r.row.created_at))
        .bind(each(rows, |r| r.row.seq))
        .bind(each(rows, |r| r.row.duration_us))
        .bind(each(rows, |r| r.row.attempt_id))
        .bind(each(rows, |r| r.row.actor_type.as_str()))
        .bind(each(rows, |r| r.row.outcome.as_str()))
        .bind(each(rows, |r| r.row.actor_id.as_deref()))
        .bind(each(rows, |r| r.row.action.as_str()))
        .bind(each(rows, |r| r.row.target_type.as_str()))
        .bind(each(rows, |r| r.row.target_id.as_deref()))
        .bind(each(rows, FrozenRow::metadata))
        .bind(each(rows, |r| r.row.ip_address.map(|address| address.to_string())))
        .bind(each(rows, |r| r.row.user_agent.as_deref()))
        .bind(each(rows, |r| r.row.error.as_deref()))
        .bind(each(rows, |r| r.row.request_id.as_deref()))
        .bind(each(rows, |r| r.row.trace_id.as_deref()))
        .bind(each(rows, |r| r.row.span_id.as_deref()))
        .bind(each(rows, |r| r.row.tenant_id.as_deref()))
        .bind(each(rows, |r| r.row.on_behalf_of.as_deref()))
        .bind(each(rows, |r| r.row.origin.as_deref()))
        .bind(each(rows, |r| r.row.salt.as_ref().map(<[u8; 16]>::as_slice)))
}

fn bind_row<'q>(query: Query<'q, Postgres, PgArguments>, r: &'q FrozenRow) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(r.row.id)
        .bind(r.row.created_at)
        .bind(r.row.seq)
        .bind(r.row.duration_us)
        .bind(r.row.attempt_id)
        .bind(r.row.actor_type.as_str())
        .bind(r.row.outcome.as_str())
        .bind(r.row.actor_id.as_deref())
        .bind(r.row.action.as_str())
        .bind(r.row.target_type.as_str())
        .bind(r.row.target_id.as_deref())
        .bind(r.metadata())
        .bind(r.row.ip_address.map(|address| address.to_string()))
        .bind(r.row.user_agent.as_deref())
        .bind(r.row.error.as_deref())
        .bind(r.row.request_id.as_deref())
        .bind(r.row.trace_id.as_deref())
        .bind(r.row.span_id.as_deref())
        .bind(r.row.tenant_id.as_deref())
        .bind(r.row.on_behalf_of.as_deref())
        .bind(r.row.origin.as_deref())
        .bind(r.row.salt.as_ref().map(<[u8; 16]>::as_slice))
}

fn each<'q, T>(rows: &'q [FrozenRow], column: impl FnMut(&'q FrozenRow) -> T) -> Vec<T> {
    rows.iter().map(column).collect()
}
