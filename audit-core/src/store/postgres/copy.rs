//! Rows in the binary format of COPY.
//!
//! The format is that of PostgreSQL's manual, "COPY", "Binary Format": a signature, then per row the number of fields
//! and each field after its length, big-endian; a length of -1 is NULL.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::time::EPOCH_2000;
use crate::batch::FrozenRow;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: i16 = -1;
/// `COLUMNS` of the statements, in number and order.
const FIELDS: i16 = 23;
/// The version byte before the text of a `jsonb`.
const JSONB_VERSION: u8 = 1;
/// What `inet` calls the address families.
const INET4: u8 = 2;
const INET6: u8 = 3;

/// Rows are sent as soon as this many bytes are encoded.
const CHUNK_BYTES: usize = 256 * 1024;

/// Sends rows through a COPY, in the transaction that is open.
pub(super) async fn rows(connection: &mut PgConnection, copy: &str, rows: &[FrozenRow]) -> Result<(), sqlx::Error> {
    let mut sink = connection.copy_in_raw(copy).await?;
    let mut buffer = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
    buffer.extend_from_slice(SIGNATURE);
    for row in rows {
        encode(row, &mut buffer);
        if buffer.len() >= CHUNK_BYTES {
            sink.send(buffer.as_slice()).await?;
            buffer.clear();
        }
    }
    buffer.extend_from_slice(&TRAILER.to_be_bytes());
    sink.send(buffer.as_slice()).await?;
    sink.finish().await?;
    Ok(())
}

fn encode(frozen: &FrozenRow, out: &mut Vec<u8>) {
    let row = &frozen.row;
    out.extend_from_slice(&FIELDS.to_be_bytes());
    uuid(out, Some(row.id));
    time(out, row.created_at);
    uuid(out, Some(row.stream_id));
    int8(out, Some(row.seq));
    int8(out, row.duration_us);
    uuid(out, row.attempt_id);
    text(out, Some(row.actor_type.as_str()));
    text(out, Some(row.outcome.as_str()));
    text(out, row.actor_id.as_deref());
    text(out, Some(&row.action));
    text(out, Some(&row.target_type));
    text(out, row.target_id.as_deref());
    jsonb(out, frozen.metadata());
    inet(out, row.ip_address);
    text(out, row.user_agent.as_deref());
    text(out, row.error.as_deref());
    text(out, row.request_id.as_deref());
    text(out, row.trace_id.as_deref());
    text(out, row.span_id.as_deref());
    text(out, row.tenant_id.as_deref());
    text(out, row.on_behalf_of.as_deref());
    text(out, row.origin.as_deref());
    field(out, row.salt.as_ref().map(<[u8; 16]>::as_slice));
}

fn length(out: &mut Vec<u8>, bytes: usize) {
    let bytes = i32::try_from(bytes).expect("sanitised texts are far below 2 GiB");
    out.extend_from_slice(&bytes.to_be_bytes());
}

fn field(out: &mut Vec<u8>, value: Option<&[u8]>) {
    if let Some(value) = value {
        length(out, value.len());
        out.extend_from_slice(value);
    } else {
        out.extend_from_slice(&(-1_i32).to_be_bytes());
    }
}

fn text(out: &mut Vec<u8>, value: Option<&str>) {
    field(out, value.map(str::as_bytes));
}

fn uuid(out: &mut Vec<u8>, value: Option<Uuid>) {
    field(out, value.as_ref().map(|uuid| uuid.as_bytes().as_slice()));
}

fn int8(out: &mut Vec<u8>, value: Option<i64>) {
    field(out, value.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
}

fn time(out: &mut Vec<u8>, value: DateTime<Utc>) {
    int8(out, Some(value.timestamp_micros() - EPOCH_2000));
}

fn jsonb(out: &mut Vec<u8>, text: &str) {
    length(out, 1 + text.len());
    out.push(JSONB_VERSION);
    out.extend_from_slice(text.as_bytes());
}

/// Family, bits of the mask (all), whether it is a `cidr` (never), length, address.
fn inet(out: &mut Vec<u8>, value: Option<IpAddr>) {
    match value {
        None => field(out, None),
        Some(IpAddr::V4(address)) => {
            length(out, 8);
            out.extend_from_slice(&[INET4, 32, 0, 4]);
            out.extend_from_slice(&address.octets());
        }
        Some(IpAddr::V6(address)) => {
            length(out, 20);
            out.extend_from_slice(&[INET6, 128, 0, 16]);
            out.extend_from_slice(&address.octets());
        }
    }
}
