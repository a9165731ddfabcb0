//! Rows of a CSV file (RFC 4180).

use std::fs::File;
use std::path::{Path, PathBuf};

use audit_core::import::{Field, Record};
use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use super::columns::{Assigned, LeftOut, column_of};
use super::source::{Item, name_of, unreadable};
use crate::failure::Failure;

/// A CSV file whose first line names its columns.
pub(super) struct Csv {
    path: PathBuf,
    name: String,
    length: u64,
    reader: Reader<File>,
    columns: Vec<(Field, usize)>,
    left_out: LeftOut,
    place: u64,
}

impl Csv {
    pub(super) fn open(path: &Path, mapping: &[Assigned]) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let mut reader = ReaderBuilder::new().from_reader(file);
        let header = reader.headers().map_err(|error| unreadable(path, &error))?.clone();
        let mut columns = Vec::new();
        for field in Field::ALL {
            let column = column_of(mapping, field);
            match header.iter().position(|there| there == column) {
                Some(index) => columns.push((field, index)),
                None if column == field.as_str() => {}
                None => {
                    let what = format!("{} has no column `{column}` to read {field} from", path.display());
                    return Err(Failure::usage(what));
                }
            }
        }
        let mut left_out = LeftOut::default();
        for (index, column) in header.iter().enumerate() {
            if !columns.iter().any(|(_, read)| *read == index) {
                left_out.add(column);
            }
        }
        Ok(Self { path: path.to_owned(), name: name_of(path), length, reader, columns, left_out, place: 0 })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    pub(super) fn left_out(&self) -> Vec<String> {
        self.left_out.names()
    }

    pub(super) fn next(&mut self) -> Result<Option<Item>, Failure> {
        let mut row = ByteRecord::new();
        match self.reader.read_byte_record(&mut row) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => match error.kind() {
                // The row was read, and the next one can be.
                ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    self.place += 1;
                    let reason = format!("it has {len} cells, and the first line names {expected_len}");
                    return Ok(Some(Item::Unreadable { place: self.place, text: words(&row), reason }));
                }
                _ => return Err(unreadable(&self.path, &error)),
            },
        }
        self.place += 1;
        let mut record = Record::at(self.place);
        for (field, column) in &self.columns {
            let cell = row.get(*column).unwrap_or_default();
            let Ok(text) = std::str::from_utf8(cell) else {
                let reason = format!("{field} is not UTF-8");
                return Ok(Some(Item::Unreadable { place: self.place, text: words(&row), reason }));
            };
            if !text.is_empty() {
                record = record.with(*field, text);
            }
        }
        Ok(Some(Item::Record(record)))
    }
}

/// A row as CSV again, as far as it is text.
fn words(row: &ByteRecord) -> String {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    let written = writer.write_byte_record(row).ok().and_then(|()| writer.into_inner().ok());
    String::from_utf8_lossy(&written.unwrap_or_default()).trim_end().to_owned()
}
