//! Entries in columns, for tools that analyse them (Apache Parquet).
//!
//! A column for each of the log's, but the salt: times in microseconds of UTC, ids as UUID, metadata as JSON. Rows are written
//! in groups of bounded size, so that the file may be larger than memory. Its index stands at its end: a file
//! without one cannot be read, nor gone on with.

use std::io::{self, Write};
use std::mem::take;
use std::sync::Arc;

use audit_core::Row;
use chrono::{DateTime, Utc};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use uuid::Uuid;

/// Most rows of a group, and about most bytes, before they are compressed.
const GROUP_ROWS: usize = 50_000;
const GROUP_BYTES: usize = 32 << 20;

/// A value of a row.
enum Cell {
    Text(Option<String>),
    Id(Option<Uuid>),
    Number(Option<i64>),
}

type Column = (&'static str, fn(&Row) -> Cell);

const COLUMNS: [Column; 24] = [
    ("REQUIRED FIXED_LEN_BYTE_ARRAY(16) id (UUID)", |row| Cell::Id(Some(row.id))),
    ("REQUIRED INT64 created_at (TIMESTAMP(MICROS,true))", |row| Cell::Number(Some(micros(row.created_at)))),
    ("REQUIRED BYTE_ARRAY actor_type (STRING)", |row| Cell::Text(Some(row.actor_type.to_string()))),
    ("OPTIONAL BYTE_ARRAY actor_id (STRING)", |row| Cell::Text(row.actor_id.clone())),
    ("REQUIRED BYTE_ARRAY action (STRING)", |row| Cell::Text(Some(row.action.clone()))),
    ("REQUIRED BYTE_ARRAY target_type (STRING)", |row| Cell::Text(Some(row.target_type.clone()))),
    ("OPTIONAL BYTE_ARRAY target_id (STRING)", |row| Cell::Text(row.target_id.clone())),
    ("REQUIRED BYTE_ARRAY outcome (STRING)", |row| Cell::Text(Some(row.outcome.to_string()))),
    ("OPTIONAL BYTE_ARRAY error (STRING)", |row| Cell::Text(row.error.clone())),
    ("OPTIONAL BYTE_ARRAY ip_address (STRING)", |row| Cell::Text(row.ip_address.map(|address| address.to_string()))),
    ("OPTIONAL BYTE_ARRAY user_agent (STRING)", |row| Cell::Text(row.user_agent.clone())),
    ("OPTIONAL BYTE_ARRAY request_id (STRING)", |row| Cell::Text(row.request_id.clone())),
    ("OPTIONAL BYTE_ARRAY tenant_id (STRING)", |row| Cell::Text(row.tenant_id.clone())),
    ("OPTIONAL BYTE_ARRAY on_behalf_of (STRING)", |row| Cell::Text(row.on_behalf_of.clone())),
    ("OPTIONAL BYTE_ARRAY trace_id (STRING)", |row| Cell::Text(row.trace_id.clone())),
    ("OPTIONAL BYTE_ARRAY span_id (STRING)", |row| Cell::Text(row.span_id.clone())),
    ("OPTIONAL INT64 duration_us", |row| Cell::Number(row.duration_us)),
    ("OPTIONAL FIXED_LEN_BYTE_ARRAY(16) attempt_id (UUID)", |row| Cell::Id(row.attempt_id)),
    ("OPTIONAL BYTE_ARRAY origin (STRING)", |row| Cell::Text(row.origin.clone())),
    ("OPTIONAL INT64 recorded_at (TIMESTAMP(MICROS,true))", |row| Cell::Number(row.recorded_at.map(micros))),
    ("REQUIRED FIXED_LEN_BYTE_ARRAY(16) stream_id (UUID)", |row| Cell::Id(Some(row.stream_id))),
    ("REQUIRED INT64 seq", |row| Cell::Number(Some(row.seq))),
    ("REQUIRED BYTE_ARRAY metadata (JSON)", |row| Cell::Text(Some(row.metadata.to_string()))),
    ("OPTIONAL BYTE_ARRAY redacted (JSON)", |row| Cell::Text(row.redacted.as_ref().map(ToString::to_string))),
];

const fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// What a file is being made of.
pub(super) struct Columns<W: Write + Send> {
    file: SerializedFileWriter<W>,
    /// The rows of the group that is not written yet, by column.
    group: Vec<Values>,
    rows: usize,
    bytes: usize,
}

/// Values of a column, and for each row whether it has one (1) or not (0).
#[derive(Default)]
struct Values {
    texts: Vec<ByteArray>,
    ids: Vec<FixedLenByteArray>,
    numbers: Vec<i64>,
    levels: Vec<i16>,
}

impl<W: Write + Send> Columns<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let fields = COLUMNS.map(|(field, _)| field).join("; ");
        let schema = parse_message_type(&format!("message audit_logs {{ {fields}; }}")).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_created_by(concat!("audit ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        let group = COLUMNS.iter().map(|_| Values::default()).collect();
        Ok(Self { file, group, rows: 0, bytes: 0 })
    }

    pub(super) fn push(&mut self, row: &Row) -> io::Result<()> {
        for ((_, read), values) in COLUMNS.iter().zip(&mut self.group) {
            self.bytes += values.push(read(row));
        }
        self.rows += 1;
        if self.rows < GROUP_ROWS && self.bytes < GROUP_BYTES {
            return Ok(());
        }
        self.write_group()
    }

    /// Ends the file.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.file.finish().map(drop).map_err(failed)
    }

    fn write_group(&mut self) -> io::Result<()> {
        let mut group = self.file.next_row_group().map_err(failed)?;
        for ((field, _), values) in COLUMNS.iter().zip(&mut self.group) {
            let mut column = group.next_column().map_err(failed)?.expect("the schema has a column for each");
            take(values).write(field, &mut column).map_err(failed)?;
            column.close().map_err(failed)?;
        }
        group.close().map_err(failed)?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Values {
    /// Takes a value in, and says how many bytes it has.
    fn push(&mut self, cell: Cell) -> usize {
        let (is_there, bytes) = match cell {
            Cell::Text(text) => {
                let bytes = text.as_ref().map_or(0, String::len);
                let is_there = text.is_some();
                self.texts.extend(text.map(|text| ByteArray::from(text.into_bytes())));
                (is_there, bytes)
            }
            Cell::Id(id) => {
                self.ids.extend(id.map(|id| FixedLenByteArray::from(id.into_bytes().to_vec())));
                (id.is_some(), 16)
            }
            Cell::Number(number) => {
                self.numbers.extend(number);
                (number.is_some(), 8)
            }
        };
        self.levels.push(is_there.into());
        bytes
    }

    fn write(self, field: &str, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = field.starts_with("OPTIONAL").then_some(&self.levels[..]);
        let written = match field {
            _ if field.contains(" BYTE_ARRAY ") => {
                column.typed::<ByteArrayType>().write_batch(&self.texts, levels, None)
            }
            _ if field.contains(" INT64 ") => column.typed::<Int64Type>().write_batch(&self.numbers, levels, None),
            _ => column.typed::<FixedLenByteArrayType>().write_batch(&self.ids, levels, None),
        };
        written.map(drop)
    }
}

/// What a file or pipe said, as it said it.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}
